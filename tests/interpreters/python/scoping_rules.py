x = "global"


def outer():
    x = "outer"

    def inner():
        global x
        before = x
        x = "changed"
        return before

    return inner(), x


class C:
    x = "class"
    y = [x for _ in range(1)]

    def method(self):
        return x


[outer(), x, C.y, C().method(), [globals()["x"], "x" in vars(C)]]
