// verdict: output_limit
for (;;) console.error("x".repeat(10000));
