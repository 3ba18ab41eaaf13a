// verdict: error
// error: string too long
let s = "x";
for (;;) s += s;
