const u = new URL("../b?x=1&y=a%20b&x=2#frag", "https://user:pw@Example.COM:443/a/c/d");
const q = new URLSearchParams({ a: "1 2", b: "é&" });
q.append("a", "3"); q.sort();
u.searchParams.set("y", "ü"); u.searchParams.delete("x"); u.port = "8080"; u.hash = "";
let bad = "";
try { new URL("nope"); } catch (e) { bad = e.name; }
[u.href, u.origin, u.host, u.pathname, u.search, u.username, q.toString(), [...q], q.getAll("a"), q.has("z"), bad, URL.canParse("x:y"), new URL("http://é.example/ü?q=ü").href, JSON.stringify({ u: new URL("http://a/") }), new URLSearchParams("?a=b+c&d").get("a")];
