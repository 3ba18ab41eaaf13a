[
  JSON.stringify({ a: undefined, b: () => 1, c: Symbol("x"), d: NaN, e: null, f: [undefined, Infinity] }),
  JSON.stringify("\u2028\ud800\"\\\n\u0007"), JSON.stringify({ b: 1, a: 2, 1: 3 }), JSON.stringify([new Date(0)]),
  JSON.stringify({ a: [1, { b: 2 }] }, null, 2), JSON.stringify({ a: 1, b: 2, c: { a: 3 } }, ["a", "c"]),
  JSON.stringify({ x: 5 }, (k, v) => (typeof v === "number" ? v * 2 : v)), JSON.stringify(Object.create({ inherited: 1 })),
  JSON.parse('{"a":{"b":[1,2]}}', (k, v) => (Array.isArray(v) ? v.length : v)), JSON.parse('"\\u00e9\\ud83d\\ude00"'),
  JSON.parse("[1e3, -0, 1E-2, 123456789012345678]"), JSON.parse('{"__proto__": 1}').hasOwnProperty("__proto__"), JSON.parse(' \t\n[]'),
];
