// verdict: timeout
for (;;) {}
