// verdict: error
// error: not available in this sandbox: module `/etc/passwd`
await import("/etc/passwd");
