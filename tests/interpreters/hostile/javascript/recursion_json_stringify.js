// verdict: error
// error: RangeError
let p = [];
for (let i = 0; i < 1e5; i++) p = [p];
JSON.stringify(p);
