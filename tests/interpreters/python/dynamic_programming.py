from functools import cache


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


@cache
def coins(amount, kinds=(25, 10, 5, 1)):
    if amount == 0:
        return 1
    if amount < 0 or not kinds:
        return 0
    return coins(amount - kinds[0], kinds) + coins(amount, kinds[1:])


def lis(seq):
    import bisect

    tails = []
    for n in seq:
        i = bisect.bisect_left(tails, n)
        tails[i : i + 1] = [n]
    return len(tails)


def queens(n, row=0, cols=frozenset(), d1=frozenset(), d2=frozenset()):
    if row == n:
        return 1
    return sum(queens(n, row + 1, cols | {c}, d1 | {row - c}, d2 | {row + c}) for c in range(n) if c not in cols and row - c not in d1 and row + c not in d2)


[edit_distance("kitten", "sitting"), coins(100), lis([10, 9, 2, 5, 3, 7, 101, 18]), queens(6)]
