// verdict: ok
// value: 7
Promise.prototype.then = () => { throw new Error("patched"); };
Promise.resolve = null;
await 1;
7;
