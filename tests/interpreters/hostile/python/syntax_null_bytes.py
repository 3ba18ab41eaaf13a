# verdict: error
exec("x = 1\0")
