// verdict: memory_limit
"x".repeat(70 * 1024 * 1024)
