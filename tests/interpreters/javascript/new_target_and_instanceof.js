class Abstract {
  constructor() { if (new.target === Abstract) throw new TypeError("abstract"); }
}
class Concrete extends Abstract {}
class Even { static [Symbol.hasInstance](n) { return n % 2 === 0; } }
let out = [];
try { new Abstract(); } catch (e) { out.push(e.message); }
out.push(new Concrete() instanceof Abstract, 2 instanceof Even, 3 instanceof Even);
out;
