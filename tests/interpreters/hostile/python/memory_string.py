# verdict: error
# error: MemoryError
s = "x"
while True:
    s += s
