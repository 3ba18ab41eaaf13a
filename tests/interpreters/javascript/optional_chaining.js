const o = { a: { b: { c: () => 42, list: [{ d: 1 }] } }, n: null };
let calls = 0;
const f = () => (calls++, "x");
o.a.count ??= 5; o.n ||= "set"; o.a &&= { ...o.a, more: true };
[o?.a?.b?.c?.(), o.x?.y.z.w, o.n?.length, o.a.b.list?.[0]?.d, o.missing?.[f()], calls, o.a.count, delete o?.a?.b, o.a.b ?? "gone", null ?? 0 ?? 1, 0 || null || "last"];
