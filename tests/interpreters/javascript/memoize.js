const memo = (f, cache = new Map()) => (n) => cache.get(n) ?? cache.set(n, f(n)).get(n);
const fib = memo((n) => (n < 2n ? n : fib(n - 1n) + fib(n - 2n)));
fib(200n);
