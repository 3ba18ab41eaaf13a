// verdict: output_limit
for (;;) console.log("x".repeat(10000));
