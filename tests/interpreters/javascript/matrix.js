const mul = (a, b) => a.map((r) => b[0].map((_, j) => r.reduce((s, x, k) => s + x * b[k][j], 0)));
const transpose = (m) => m[0].map((_, i) => m.map((r) => r[i]));
const det = (m) => (m.length === 1 ? m[0][0] : m[0].reduce((s, x, j) => s + (j % 2 ? -1 : 1) * x * det(m.slice(1).map((r) => r.toSpliced(j, 1))), 0));
[mul([[1, 2], [3, 4]], [[5, 6], [7, 8]]), transpose([[1, 2, 3], [4, 5, 6]]), det([[2, 0, 1], [1, 3, 2], [1, 1, 4]])];
