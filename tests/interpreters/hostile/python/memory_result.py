# verdict: error
# error: MemoryError
x = "é" * 40_000_000
[x, x, x]
