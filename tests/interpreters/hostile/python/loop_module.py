# verdict: timeout
exec("while 1: pass")
