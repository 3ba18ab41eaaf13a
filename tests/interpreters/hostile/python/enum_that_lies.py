# verdict: error
class Dict(dict):
    def items(self):
        return 5

    def __iter__(self):
        raise RuntimeError("no")

    keys = items


Dict(a=1)
