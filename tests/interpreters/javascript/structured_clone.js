const o = { d: new Date(5), m: new Map([["k", { deep: [1] }]]), s: new Set([1]), re: /x/gi, big: 1n, u8: new Uint8Array([1, 2]), n: null, u: undefined };
o.self = o;
const c = structuredClone(o);
c.m.get("k").deep.push(2);
let refused = [];
for (const bad of [() => 1, Symbol("x"), { f() {} }, new WeakMap()]) try { structuredClone(bad); refused.push("ok"); } catch (e) { refused.push(e.name); }
[c.self === c, c !== o, o.m.get("k").deep, c.m.get("k").deep, c.d instanceof Date, c.re.flags, c.u8, "u" in c, refused, structuredClone(new RangeError("r")).name];
