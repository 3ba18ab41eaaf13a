// verdict: ok
// value: "TypeError"
const patched = () => { throw new Error("patched"); };
const asked = fetch("http://example.com");
const { then } = Promise.prototype;
let seen = "nothing";
Reflect.apply(then, asked, [null, (error) => { seen = error.name; }]);
for (const name of ["then", "catch", "finally"]) Promise.prototype[name] = patched;
globalThis.Promise = patched;
Object.defineProperty(Object.prototype, "id", { set: patched });
Object.defineProperty(Object.prototype, "message", { set: patched });
Object.defineProperty(Array.prototype, "0", { set: patched });
Array.prototype[Symbol.iterator] = Map.prototype.get = Map.prototype.forEach = patched;
Reflect.apply(then, fetch("http://example.com/again", { method: "POST", body: "b", headers: { a: "b" } }), [null, () => 0]);
await 1;
seen;
