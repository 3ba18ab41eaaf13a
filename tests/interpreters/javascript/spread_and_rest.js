const f = (first, ...others) => [first, others];
const merge = (...os) => os.reduce((a, o) => ({ ...a, ...o }), {});
[f(...[1, 2], 3, ...new Set([4, 4, 5])), merge({ a: 1 }, { b: 2 }, { a: 3 }), Math.max(...[3, 9, 2]), [...Array(3).keys()], [..."hi", ...[1].map(String)], (function () { return arguments.length; })(...[, ,])];
