class Point { constructor(x, y) { this.x = x; this.y = y; } }
class Money { constructor(c) { this.c = c; } toJSON() { return `${this.c / 100} EUR`; } }
[new Point(1, new Point(2, 3)), new Money(250), Object.create(null), Object.assign(Object.create(null), { a: 1 }), new (class extends Array {})(1, 2, 3)];
