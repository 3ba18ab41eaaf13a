// verdict: timeout
for (;;) await fetch("http://example.com").catch(() => 0);
