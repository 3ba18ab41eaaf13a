// verdict: ok
// value: "done"
const registry = new FinalizationRegistry((x) => { globalThis.back = x; throw new Error("finalizer"); });
for (let i = 0; i < 1000; i++) { const o = { i }; o.self = o; registry.register(o, o.i); }
"done"
