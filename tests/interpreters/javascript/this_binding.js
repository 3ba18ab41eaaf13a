const o = { n: 1, regular() { return this?.n; }, arrow: () => typeof this, nested() { return [1].map(() => this.n); }, strict() { "use strict"; return (function () { return this; })(); } };
const loose = o.regular;
class A { m() { return this; } f = () => this; }
const a = new A(), { m, f } = a;
[o.regular(), o.nested(), o.strict() === undefined, loose.call({ n: 5 }), loose.bind({ n: 6 })(), m() === undefined, f() === a];
