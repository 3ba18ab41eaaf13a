class A { constructor(x) { this.x = x; } get y() { return this.x * 2; } }
const o = Reflect.construct(A, [4]);
[o.x, Reflect.get(A.prototype, "y", { x: 8 }), Reflect.ownKeys({ b: 1, a: 2, 1: 3, [Symbol.iterator]: 0 }).length,
  Reflect.has(o, "y"), Reflect.apply(Math.max, null, [1, 5, 3]), Reflect.defineProperty(Object.freeze({}), "x", { value: 1 })];
