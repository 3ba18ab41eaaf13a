# verdict: trap
def f():
    pass


f.__code__ = f.__code__.replace(co_code=bytes([83, 255] * 200), co_stacksize=0)
f()
