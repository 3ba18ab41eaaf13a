# verdict: timeout
while True:
    try:
        kept = [bytes(10**6) for _ in range(10**4)]
    except MemoryError:
        kept = None
