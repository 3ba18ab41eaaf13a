class Shape {
  constructor(name) { this.name = name; }
  area() { return 0; }
  describe() { return `${this.name}: ${this.area().toFixed(2)}`; }
}
class Circle extends Shape {
  constructor(r) { super("circle"); this.r = r; }
  area() { return Math.PI * this.r ** 2; }
}
class Square extends Shape {
  constructor(a) { super("square"); this.a = a; }
  area() { return this.a ** 2; }
  describe() { return super.describe() + "!"; }
}
[new Circle(2), new Square(3), new Shape("none")].map((s) => s.describe());
