// verdict: timeout
const o = { get x() { for (;;); } };
JSON.stringify(o);
