// verdict: error
// error: RangeError
const n = 3n ** 3000000n;
n.toString().length;
