function parse(text) {
  const rows = [[]]; let cell = "", quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) { if (c === '"') { if (text[i + 1] === '"') { cell += c; i++; } else quoted = false; } else cell += c; }
    else if (c === '"') quoted = true;
    else if (c === ",") { rows.at(-1).push(cell); cell = ""; }
    else if (c === "\n") { rows.at(-1).push(cell); cell = ""; rows.push([]); }
    else cell += c;
  }
  rows.at(-1).push(cell);
  return rows;
}
const [head, ...rows] = parse('name,note,n\n"Smith, J","said ""hi""",3\nBo,,4');
rows.map((r) => Object.fromEntries(r.map((v, i) => [head[i], v])));
