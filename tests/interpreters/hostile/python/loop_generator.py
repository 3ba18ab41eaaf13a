# verdict: timeout
def forever():
    while True:
        yield 1


sum(forever())
