// verdict: ok
// value: [0,2]
const b = new ArrayBuffer(8, { maxByteLength: 16 }), u = new Uint8Array(b);
b.resize(2);
u[5] = 1;
let n = 0;
u.fill({ valueOf() { b.resize(0); return 1; } });
b.resize(2);
[u[0] ?? 0, u.length];
