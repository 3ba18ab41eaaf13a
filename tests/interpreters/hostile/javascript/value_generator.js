// verdict: error
// error: a Generator
(function* () {})()
