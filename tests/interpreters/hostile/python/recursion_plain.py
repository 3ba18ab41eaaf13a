# verdict: error
# error: RecursionError
def f():
    f()


f()
