// verdict: memory_limit
const m = new Map();
for (let i = 0; ; i++) m.set(i, new Array(100).fill(i));
