# verdict: error
# error: MemoryError
bytes(10**9)
