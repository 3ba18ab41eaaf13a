// verdict: error
// error: not available in this sandbox: the network
fetch("http://example.com");
