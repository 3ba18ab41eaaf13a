// verdict: error
// error: Error: thenable
({ then() { throw new Error("thenable"); } })
