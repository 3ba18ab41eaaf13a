function counter(step = 1) { let n = 0; return { inc: () => (n += step), dec: () => (n -= step), get value() { return n; } }; }
const c = counter(3);
c.inc(); c.inc(); c.dec();
const fs = [];
for (let i = 0; i < 3; i++) fs.push(() => i * i);
var gs = [];
for (var j = 0; j < 3; j++) gs.push(() => j);
[c.value, fs.map((f) => f()), gs.map((g) => g())];
