// verdict: error
// error: null
throw null;
