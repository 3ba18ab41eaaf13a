// verdict: error
// error: Maximum call stack size exceeded
async function f() { await f(); }
await f();
