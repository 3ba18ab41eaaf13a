class Temperature {
  constructor(c) { this.c = c; }
  get f() { return this.c * 9 / 5 + 32; }
  set f(v) { this.c = (v - 32) * 5 / 9; }
  [Symbol.toPrimitive](hint) { return hint === "string" ? `${this.c}°C` : this.c; }
  get [Symbol.toStringTag]() { return "Temperature"; }
}
const t = new Temperature(100);
t.f = 212;
[t.f, `${t}`, t + 1, Object.prototype.toString.call(t)];
