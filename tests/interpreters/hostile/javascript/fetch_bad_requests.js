// verdict: ok
// value: ["TypeError","TypeError","TypeError","TypeError","TypeError","TypeError","TypeError","TypeError","own","AbortError"]
const http = "http://example.com/";
const asked = [
  fetch("/relative"), fetch("file:///etc/passwd"), fetch("http://user:word@example.com/"),
  fetch(http, { method: "TRACE" }), fetch(http, { body: "x" }), fetch(http, { method: "POST", body: { a: 1 } }),
  fetch(http, { headers: { "a\r\nb": "c" } }), fetch(http, { headers: { a: "b\r\nhost: c" } }),
  fetch({ toString() { throw { name: "own" }; } }), fetch(http, { signal: AbortSignal.abort() }),
];
(await Promise.allSettled(asked)).map((settled) => settled.reason.name);
