const tag = (s, ...v) => s.raw.map((x, i) => x + (i < v.length ? `[${v[i]}]` : "")).join("");
const html = (s, ...v) => s.reduce((a, x, i) => a + x + (v[i] === undefined ? "" : String(v[i]).replace(/[<>&]/g, (c) => `&#${c.charCodeAt(0)};`)), "");
const nested = (n) => `${n > 0 ? `<${nested(n - 1)}>` : "."}`;
[tag`a${1}b\n${2}c`, html`<b>${"<i>&"}</b>`, nested(3), `multi
line`];
