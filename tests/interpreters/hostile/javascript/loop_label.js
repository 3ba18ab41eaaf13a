// verdict: timeout
again: while (1) { for (;;) continue again; }
