// verdict: ok
// value: {"a":{"$int":"1"}}
for (const k of ["value", "get", "set", "writable", "enumerable", "configurable"]) Object.defineProperty(Object.prototype, k, { __proto__: null, get() { throw new Error("read"); }, configurable: true });
({ a: 1n });
