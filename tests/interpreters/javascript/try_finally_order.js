const log = [];
function f() { try { log.push("try"); return "value"; } finally { log.push("finally"); } }
function g() { for (const i of [1, 2, 3]) { try { if (i === 2) continue; log.push(i); } finally { log.push("f" + i); } } }
function h() { try { throw 1; } catch { return "catch"; } finally { return "wins"; } }
log.push(f()); g(); log.push(h());
log;
