// verdict: timeout
(function f() { Promise.resolve().then(f); })();
