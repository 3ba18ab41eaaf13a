# verdict: error
# error: MemoryError
d = {}
while True:
    d[len(d)] = bytes(1000)
