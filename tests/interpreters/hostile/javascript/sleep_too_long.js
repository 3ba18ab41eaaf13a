// verdict: timeout
await new Promise((r) => setTimeout(r, 60000));
