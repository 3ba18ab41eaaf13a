const curry = (f) => function next(...a) { return a.length >= f.length ? f(...a) : (...b) => next(...a, ...b); };
const compose = (...fs) => (x) => fs.reduceRight((v, f) => f(v), x);
const add = curry((a, b, c) => a + b + c);
[add(1)(2)(3), add(1, 2)(3), add(1)(2, 3), compose((x) => x + 1, (x) => x * 2)(5)];
