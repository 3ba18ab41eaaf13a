// verdict: timeout
let n = 7n;
for (;;) { n = n * n; if (n > 2n ** 400000n) n = 7n; }
