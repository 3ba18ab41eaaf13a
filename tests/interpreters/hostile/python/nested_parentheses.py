# verdict: error
eval("(" * 90000 + ")" * 90000)
