// verdict: error
// error: Maximum call stack size exceeded
function f() { return { get x() { return f(); } }.x; }
f();
