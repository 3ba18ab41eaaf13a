// verdict: memory_limit
const all = [];
function* g() { const local = new Array(100).fill(0); yield local; }
for (;;) { const it = g(); it.next(); all.push(it); }
