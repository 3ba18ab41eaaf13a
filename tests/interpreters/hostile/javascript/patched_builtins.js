// verdict: ok
// value: {"a":[1,{"$dict":[["k",2],[1,1]]},{"$set":[3]},{"$bytes":"AQ=="},{"$int":"5"}],"b":"text"}
const m = new Map([["k", 2], [1, 1]]), s = new Set([3]), u = new Uint8Array([1]);
const { ownKeys } = Reflect;
for (const C of [Array, Map, Set, String, Object, RegExp, Date, Promise, Number, BigInt, Uint8Array, Symbol, Function]) {
  const keys = ownKeys(C.prototype);
  for (let i = 0; i < keys.length; i++) try { if (keys[i] !== "constructor" && keys[i] !== "__proto__") C.prototype[keys[i]] = () => { throw new Error("patched"); }; } catch {}
  if (C === Array) Array.prototype[Symbol.iterator] = function* () { for (let i = 0; i < this.length; i++) yield this[i]; };
}
JSON.stringify = JSON.parse = () => "forged";
Reflect.apply = Reflect.ownKeys = Reflect.getPrototypeOf = () => "forged";
Object.keys = Array.isArray = Object.is = () => "forged";
({ a: [1, m, s, u, 5n], b: "text" })
