// verdict: error
// error: not available in this sandbox: GET http://example.com/0 was not granted
for (let i = 0; i < 1000; i++) fetch(`http://example.com/${i}`);
"all sent";
