// verdict: error
// error: cyclic
const a = { list: [] };
a.list.push(a);
a
