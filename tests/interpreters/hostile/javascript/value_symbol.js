// verdict: error
// error: a symbol
Symbol("s")
