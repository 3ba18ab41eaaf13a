function* fib() { let [a, b] = [0, 1]; for (;;) { yield a; [a, b] = [b, a + b]; } }
function* take(n, it) { let i = 0; for (const x of it) { if (i++ >= n) return; yield x; } }
function* both() { const r = yield* inner(); yield r; }
function* inner() { yield 1; yield 2; return 3; }
[[...take(10, fib())], [...both()]];
