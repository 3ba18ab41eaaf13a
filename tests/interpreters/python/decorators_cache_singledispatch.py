import functools


@functools.lru_cache(maxsize=None)
def ways(n):
    return 1 if n < 2 else ways(n - 1) + ways(n - 2)


@functools.singledispatch
def show(x):
    return "?"


@show.register
def _(x: int):
    return f"int {x}"


@show.register(list)
def _(x):
    return f"list of {len(x)}"


class Circle:
    def __init__(self, r):
        self.r = r

    @functools.cached_property
    def area(self):
        computed.append(self.r)
        return self.r**2 * 3


computed = []
c = Circle(2)
[ways(90), ways.cache_info().hits > 80, show(3), show([1]), show("x"), c.area + c.area, computed]
