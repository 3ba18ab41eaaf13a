# verdict: error
# error: MemoryError
[0] * (10**9)
