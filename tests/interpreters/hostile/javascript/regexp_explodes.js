// verdict: timeout
/^(a+)+$/.test("a".repeat(40) + "!");
