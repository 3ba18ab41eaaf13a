# verdict: error
# error: RecursionError
def f(n):
    return sorted([1], key=lambda x: f(n + 1))


f(0)
