var log = [];
log.push(typeof hoisted, typeof notYet);
function hoisted() { return inner(); function inner() { return "in"; } }
var notYet = 1;
{ let shadow = "inner"; log.push(shadow); }
try { tdz; let tdz = 1; } catch (e) { log.push(e.name); }
try { undefinedName; } catch (e) { log.push(e.name); }
const k = 1;
try { k = 2; } catch (e) { log.push(e.name); }
log.push(hoisted(), typeof undeclared, (() => { try { return eval("1+1"); } catch { return "no eval"; } })());
log;
