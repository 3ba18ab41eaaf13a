// verdict: memory_limit
const all = [];
for (;;) all.push({});
