// verdict: error
// error: SyntaxError
let fine = 1;

let broken = ;
