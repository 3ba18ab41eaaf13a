// verdict: error
// error: a Promise
[Promise.resolve(1)]
