function depth(n) { return n === 0 ? 0 : 1 + depth(n - 1); }
function even(n) { return n === 0 ? true : odd(n - 1); }
function odd(n) { return n === 0 ? false : even(n - 1); }
[depth(500), even(400)];
