// verdict: error
// error: a function (`f`)
function f() {}
({ deep: [f] })
