// verdict: error
// error: no tool `search` is granted
tools.search({ q: "x" });
