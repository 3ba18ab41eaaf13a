// verdict: error
// error: Error: in a timer
setTimeout(() => { throw new Error("in a timer"); }, 1);
"the value that nobody sees"
