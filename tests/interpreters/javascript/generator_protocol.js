function* talk() {
  const log = [];
  try { while (true) log.push(yield log.length); }
  catch (e) { yield "caught " + e; }
  finally { yield "cleanup " + log.join(); }
}
const g = talk();
[g.next().value, g.next("a").value, g.next("b").value, g.throw("x").value, g.next().value, g.next().done];
