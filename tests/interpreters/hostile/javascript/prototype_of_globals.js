// verdict: ok
// value: "still"
Object.setPrototypeOf(globalThis, new Proxy({}, { get() { throw new Error("global"); }, has() { return false; } }));
"still"
