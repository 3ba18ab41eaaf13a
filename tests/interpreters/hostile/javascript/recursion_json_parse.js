// verdict: error
// error: RangeError
JSON.parse("[".repeat(1e5));
