# verdict: error
# error: MemoryError
bytes(2**31 - 1)
