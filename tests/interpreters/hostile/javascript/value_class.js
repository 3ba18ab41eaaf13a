// verdict: error
// error: a class (`A`)
class A {}
A
