// verdict: ok
// value: "caught InternalError"
let r;
try { const all = []; for (;;) all.push(new Array(1000).fill(1)); } catch (e) { r = "caught " + e.name; }
r
