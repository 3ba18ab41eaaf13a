// verdict: memory_limit
let a = Array(1000).fill("x".repeat(1000));
for (;;) a = [a.join(""), ...a, a.join()];
