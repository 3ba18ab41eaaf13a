import sys


def forever(n):
    return forever(n + 1)


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


out = []
try:
    forever(0)
except RecursionError as e:
    out.append("caught")
sys.setrecursionlimit(5000)
out.append(depth(4500))
out
