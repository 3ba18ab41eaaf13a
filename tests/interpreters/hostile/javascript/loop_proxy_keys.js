// verdict: timeout
const p = new Proxy({}, { ownKeys() { for (;;); } });
p
