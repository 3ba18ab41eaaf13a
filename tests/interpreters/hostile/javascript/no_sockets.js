// verdict: error
// error: not available in this sandbox: the network
new WebSocket("ws://example.com");
