# verdict: ok
# value: "caught"
def f():
    f()


try:
    f()
except RecursionError:
    result = "caught"
