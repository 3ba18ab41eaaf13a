# verdict: exit
# error: 1
raise SystemExit("this is the end")
