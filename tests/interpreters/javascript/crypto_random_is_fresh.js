const u = crypto.randomUUID();
const r = crypto.getRandomValues(new Uint8Array(16));
[/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(u), r.length, Math.random() !== Math.random(), typeof performance.now()];
