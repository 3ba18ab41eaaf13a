var i = 0;
const r = (i++, i++, i);
[r, void 0 === undefined, "a" in { a: 1 }, 0 in [1], delete [].length, typeof void 0, ((a, b) => a ** b)(2, 10), (-2) ** 2, 2 ** 3 ** 2, 7 & 3 | 8 ^ 1, 1 << 31, 1 >>> 0, !0 + !0];
