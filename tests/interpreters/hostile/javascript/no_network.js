// verdict: error
// error: not available in this sandbox: GET http://example.com/ was not granted
await fetch("http://example.com");
