// verdict: memory_limit
(function f() { const data = new Array(100).fill(0); Promise.resolve(data).then(f); Promise.resolve(data).then(() => (f(), data)); })();
