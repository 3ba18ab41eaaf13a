const numbers = [4, 8, 15, 16, 23, 42];
let result = { sum: numbers.reduce((a, b) => a + b), mean: 0 };
if (numbers.length) {
  result.mean = result.sum / numbers.length;
}
for (const n of []) n;
