// verdict: timeout
(function f() { setTimeout(f, 0); })();
"never seen"
