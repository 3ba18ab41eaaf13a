# verdict: timeout
n = 3 ** (10**8)
len(str(n % 10))
