// verdict: memory_limit
const all = [];
for (;;) all.push(new ArrayBuffer(16 << 20));
