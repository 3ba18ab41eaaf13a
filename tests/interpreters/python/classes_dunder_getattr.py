class Record:
    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __getattr__(self, name):
        return f"no {name}"

    def __contains__(self, name):
        return name in self.__dict__

    def __call__(self, x):
        return x * 2


r = Record(a=1)
[r.a, r.b, "a" in r, "b" in r, r(21), callable(r)]
