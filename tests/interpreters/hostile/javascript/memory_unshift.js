// verdict: memory_limit
const a = [];
for (;;) a.unshift(1, 2, 3);
