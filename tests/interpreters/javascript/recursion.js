const hanoi = (n, a = "A", b = "B", c = "C") => (n === 0 ? [] : [...hanoi(n - 1, a, c, b), a + c, ...hanoi(n - 1, b, a, c)]);
const perms = (xs) => (xs.length < 2 ? [xs] : xs.flatMap((x, i) => perms(xs.toSpliced(i, 1)).map((p) => [x, ...p])));
const ack = (m, n) => (m === 0 ? n + 1 : n === 0 ? ack(m - 1, 1) : ack(m - 1, ack(m, n - 1)));
const flatten = (o, p = "") => Object.entries(o).reduce((a, [k, v]) => (typeof v === "object" && v ? { ...a, ...flatten(v, p + k + ".") } : { ...a, [p + k]: v }), {});
[hanoi(3), perms([1, 2, 3]), ack(2, 2), flatten({ a: { b: 1, c: { d: 2 } }, e: 3 })];
