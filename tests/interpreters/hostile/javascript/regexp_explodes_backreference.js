// verdict: timeout
/^(?:(.*)\1?)*x$/.test("ab".repeat(60));
