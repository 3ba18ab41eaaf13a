# verdict: error
# error: Exceeds the limit
str(10**5000)
