const schema = { age: "number", name: "string" };
const log = [];
const p = new Proxy({}, {
  set(t, k, v) { if (typeof v !== schema[k]) throw new TypeError(`${k} must be a ${schema[k]}`); t[k] = v; return true; },
  get: (t, k, r) => (k in t ? Reflect.get(t, k, r) : `no ${String(k)}`),
  has: (t, k) => k in schema,
  deleteProperty(t, k) { log.push("delete " + k); return delete t[k]; },
  ownKeys: () => ["name", "age"],
  getOwnPropertyDescriptor: (t, k) => ({ value: t[k], enumerable: true, configurable: true }),
});
p.name = "Bo"; p.age = 5;
try { p.age = "six"; } catch (e) { log.push(e.message); }
delete p.age;
[p.name, p.nothing, "age" in p, "x" in p, Object.keys(p), log];
