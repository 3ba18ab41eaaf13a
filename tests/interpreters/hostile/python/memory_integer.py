# verdict: error
# error: MemoryError
1 << (10**10)
