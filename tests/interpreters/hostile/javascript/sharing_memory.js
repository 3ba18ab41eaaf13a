// verdict: ok
// value: ["undefined"]
const out = [];
try { const b = new SharedArrayBuffer(8); Atomics.wait(new Int32Array(b), 0, 0, 100); out.push("waited"); } catch (e) { out.push("undefined"); }
out;
