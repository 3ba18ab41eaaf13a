// verdict: error
// error: first
const a = new Error("first"), b = new Error("second", { cause: a });
a.cause = b;
throw a;
