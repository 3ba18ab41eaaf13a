// verdict: ok
// value: true
const a = Array.from({ length: 200 }, (_, i) => (i * 7) % 200);
a.sort((x, y) => { a.length = 0; a.shift(); a.push(1); a.unshift(2); a.splice(0, 1); return x - y; });
Array.isArray(a);
