// verdict: memory_limit
const o = {};
for (let i = 0; ; i++) o["k" + i] = new Array(100).fill(i);
