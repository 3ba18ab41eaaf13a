// verdict: ok
// value: 200
let p = 1;
for (let i = 0; i < 200; i++) p = [p];
JSON.stringify(p).indexOf("1");
