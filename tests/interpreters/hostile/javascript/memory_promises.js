// verdict: memory_limit
(function f() { Promise.resolve().then(f); Promise.resolve().then(f); })();
