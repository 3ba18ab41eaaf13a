// verdict: error
// error: RangeError
"abc".repeat(2 ** 30);
