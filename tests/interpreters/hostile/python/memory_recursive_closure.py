# verdict: error
# error: MemoryError
def grow(data):
    while True:
        data = (data, bytes(10**5))


grow(None)
