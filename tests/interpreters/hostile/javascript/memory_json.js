// verdict: memory_limit
let v = [1];
for (;;) v = [JSON.stringify(v), JSON.stringify(v)];
