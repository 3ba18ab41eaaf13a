// verdict: error
// error: not available in this sandbox
process.exit(0);
