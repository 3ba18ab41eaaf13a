// verdict: memory_limit
let f = (x) => x;
for (;;) f = f.bind(null);
