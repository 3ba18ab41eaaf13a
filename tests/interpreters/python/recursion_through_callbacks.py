def depth(n):
    return 0 if n == 0 else 1 + sorted([n], key=lambda x: 0 if depth(n - 1) < 0 else x)[0]


class Chain:
    def __init__(self, n):
        self.next = Chain(n - 1) if n else None

    def __repr__(self):
        return f"<{self.next!r}>" if self.next else "end"


def flip(n):
    return n if n == 0 else max(map(flip, [n - 1]))


[depth(150), len(repr(Chain(150))), flip(450)]
