let closed = 0;
const source = { [Symbol.iterator]() { let i = 0; return { next: () => ({ value: i++, done: false }), return() { closed++; return {}; } }; } };
for (const x of source) if (x > 3) break;
const [a, b] = source;
try { for (const x of source) throw 1; } catch {}
[closed, a, b];
