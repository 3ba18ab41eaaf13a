const o = { b: 1, a: 2 };
const frozen = Object.freeze({ x: { y: 1 } });
frozen.x.y = 2;
frozen.z = 1;
[
  Object.entries(o), Object.fromEntries([["p", 1], ["q", 2]]), Object.assign({}, o, { c: 3 }), Object.keys({ 2: 0, 1: 0, b: 0, a: 0, [-1]: 0 }), frozen, Object.isFrozen(frozen), Object.hasOwn(o, "toString"),
  Object.getOwnPropertyDescriptor({ get x() { return 1; } }, "x").set, Object.getOwnPropertyNames("ab"), { ...null, ..."hi", ...[9] }, Object.is(NaN, NaN), typeof Object.getPrototypeOf(Object.create(null)),
];
