# verdict: ok
# value: null
input
