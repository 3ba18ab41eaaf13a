const a = new Set([1, 2, 3, 4]), b = new Set([3, 4, 5]);
[new Set([...a].filter((x) => b.has(x))), new Set([...a, ...b]), new Set([...a].filter((x) => !b.has(x))), [...a].every((x) => b.has(x))];
