// verdict: error
// error: SyntaxError
eval("1 \0 2");
