// verdict: ok
// value: ["ReferenceError","ReferenceError","ReferenceError",0]
const out = [];
for (const k of ["", "__proto__x", "\ud800"]) try { tools[k](1); out.push("called"); } catch (e) { out.push(e.name); }
out.push(Object.keys(tools).length);
out;
