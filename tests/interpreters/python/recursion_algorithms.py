import sys


def hanoi(n, a="A", b="B", c="C"):
    return [] if n == 0 else hanoi(n - 1, a, c, b) + [(a, c)] + hanoi(n - 1, b, a, c)


def permutations(items):
    if len(items) <= 1:
        return [items]
    return [[x] + rest for i, x in enumerate(items) for rest in permutations(items[:i] + items[i + 1 :])]


def flatten(x):
    return [leaf for part in x for leaf in (flatten(part) if isinstance(part, list) else [part])]


def ackermann(m, n):
    if m == 0:
        return n + 1
    return ackermann(m - 1, 1 if n == 0 else ackermann(m, n - 1))


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


[len(hanoi(8)), permutations([1, 2, 3]), flatten([1, [2, [3, [4]], 5]]), ackermann(2, 3), depth(900), sys.getrecursionlimit()]
