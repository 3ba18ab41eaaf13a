// verdict: error
// error: Maximum call stack size exceeded
function f() { return f() + 1; }
f();
