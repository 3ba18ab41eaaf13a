// verdict: ok
// value: true
const a = [1, 2, 3, 4, 5];
a.constructor = { [Symbol.species]: function (n) { a.length = 1; a.shift(); return []; } };
a.splice({ valueOf() { a.pop(); return 1; } }, 2, "x", "y", "z");
a.unshift(...Array(1000).fill(0));
for (let i = 0; i < 500; i++) { a.shift(); a.push(i); }
a.length > 100;
