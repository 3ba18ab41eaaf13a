# verdict: ok
10**5000
