// verdict: memory_limit
let a = [1];
for (;;) a = [...a, ...a];
