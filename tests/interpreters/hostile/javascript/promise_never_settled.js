// verdict: error
// error: before its promise was settled
new Promise(() => {})
