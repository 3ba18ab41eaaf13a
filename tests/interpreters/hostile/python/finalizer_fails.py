# verdict: ok
# value: 1
class Bad:
    def __del__(self):
        raise RuntimeError("in a finalizer")


Bad()
1
