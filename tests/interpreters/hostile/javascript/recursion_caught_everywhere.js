// verdict: ok
// value: true
let caught = 0;
function f(n) { try { f(n + 1); } catch (e) { caught++; throw e; } }
try { f(0); } catch {}
caught > 50;
