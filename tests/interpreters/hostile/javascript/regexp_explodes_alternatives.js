// verdict: timeout
/(a|a)*b/.test("a".repeat(40));
