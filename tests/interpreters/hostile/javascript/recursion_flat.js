// verdict: error
// error: Maximum call stack size exceeded
let p = [];
for (let i = 0; i < 1e5; i++) p = [p];
p.flat(Infinity);
