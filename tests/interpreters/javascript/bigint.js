const fact = (n) => (n <= 1n ? 1n : n * fact(n - 1n));
const modpow = (b, e, m) => { let r = 1n; for (b %= m; e > 0n; e >>= 1n, b = (b * b) % m) if (e & 1n) r = (r * b) % m; return r; };
[fact(30n), modpow(3n, 1000n, 1000007n), 2n ** 100n, -7n / 2n, -7n % 2n, BigInt.asUintN(8, -1n), BigInt("0xff"),
  5n > 4, 2n == 2, typeof 1n, (123456789012345678901234567890n).toString(36)];
