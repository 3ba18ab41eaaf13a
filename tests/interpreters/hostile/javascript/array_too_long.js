// verdict: error
// error: RangeError
new Array(-1);
