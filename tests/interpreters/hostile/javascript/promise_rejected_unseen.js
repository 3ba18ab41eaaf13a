// verdict: error
// error: Error: unseen
Promise.reject(new Error("unseen"));
1
