const sieve = (n) => { const s = new Uint8Array(n + 1), p = []; for (let i = 2; i <= n; i++) if (!s[i]) { p.push(i); for (let j = i * i; j <= n; j += i) s[j] = 1; } return p; };
const gcd = (a, b) => (b ? gcd(b, a % b) : a);
const factors = (n) => { const f = {}; for (let d = 2; d * d <= n; d++) while (n % d === 0) { f[d] = (f[d] ?? 0) + 1; n /= d; } if (n > 1) f[n] = 1; return f; };
[sieve(60), gcd(1071, 462), factors(360360), sieve(10000).length];
