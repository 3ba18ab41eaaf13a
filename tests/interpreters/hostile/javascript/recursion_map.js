// verdict: error
// error: Maximum call stack size exceeded
function f() { return [1].map(f); }
f();
