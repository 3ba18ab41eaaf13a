const proto = { greet() { return "hi " + this.name; } };
const o = Object.create(proto, { name: { value: "Cy", enumerable: false }, age: { get: () => 33, enumerable: true } });
const keys = [];
for (const k in o) keys.push(k);
[o.greet(), keys, Object.keys(o), JSON.stringify(o), proto.isPrototypeOf(o), o.propertyIsEnumerable("name")];
