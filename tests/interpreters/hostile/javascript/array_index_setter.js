// verdict: ok
// value: [1,2]
Object.defineProperty(Array.prototype, "0", { set() { throw new Error("set"); }, configurable: true });
[1, 2];
