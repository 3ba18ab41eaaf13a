// verdict: ok
// value: [[],{},"x"]
const o = new Proxy({}, { get: (t, k) => (k === "toJSON" ? undefined : 1), ownKeys: () => [] });
[new Proxy([], {}), o, new String("x")]
