// verdict: memory_limit
const a = [1];
for (;;) a.splice(1, 0, ...a.slice(0, 1000));
