const ws = new WeakSet(), wm = new WeakMap();
const o = {}, p = {};
ws.add(o); wm.set(o, { meta: 1 });
const ref = new WeakRef(o);
[ws.has(o), ws.has(p), wm.get(o).meta, wm.has(p), wm.delete(o), wm.has(o), ref.deref() === o];
