["{a:1}", "[1,]", "'x'", "01", "\u00a01", "", "nul", '{"a":1}}', '"\t"', "+1", ".5", "[1", "NaN"].map((t) => {
  try { return JSON.parse(t); } catch (e) { return e.name; }
});
