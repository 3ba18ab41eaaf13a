async function* pages() { for (let p = 1; p <= 3; p++) { await null; yield { p, items: [p, p * 2] }; } }
async function collect() {
  const out = [];
  for await (const { p, items } of pages()) out.push(p, ...items);
  for await (const x of [Promise.resolve("x"), "y"]) out.push(x);
  return out;
}
collect();
