class Countdown:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n, 0, -1))

    def __len__(self):
        return self.n

    def __reversed__(self):
        return iter(range(1, self.n + 1))


class Old:
    def __getitem__(self, i):
        if i > 2:
            raise IndexError
        return i * 10


it = iter([1, 2, 3])
[list(Countdown(3)), list(reversed(Countdown(3))), list(Old()), 20 in Old(), next(it), list(it), next(it, "end"), list(iter(lambda n=[0]: n.__setitem__(0, n[0] + 1) or n[0], 3)), dict(enumerate("ab", 1)), list(zip(*[(1, 2), (3, 4)])), any(x > 2 for x in it), all([])]
