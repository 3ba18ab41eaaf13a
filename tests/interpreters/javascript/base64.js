const texts = ["", "f", "fo", "foo", "foob", "\u00ff\u0000"];
let failed = "";
try { btoa("€"); } catch (e) { failed = e.name; }
try { atob("a"); } catch (e) { failed += " " + e.name; }
[texts.map(btoa), texts.map((t) => atob(btoa(t)) === t), atob(" Zm9v\n"), failed];
