// verdict: error
// error: nested deeper than 200 levels
let p = [];
for (let i = 0; i < 1e5; i++) p = [p];
p
