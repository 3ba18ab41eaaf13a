// verdict: memory_limit
new Float64Array(1 << 25);
