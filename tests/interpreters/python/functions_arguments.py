def f(a, /, b, *args, c=3, **kwargs):
    return [a, b, list(args), c, kwargs]


def g(*, key):
    return key


def mutable(x, seen=[]):
    seen.append(x)
    return seen


out = [f(1, 2), f(1, 2, 3, 4, c=5, d=6), f(*[1, 2, 3], **{"c": 9}), g(key="k"), mutable(1) is mutable(2), (lambda x, *y, z=1: (x, y, z))(1, 2)]
for bad in (lambda: f(1), lambda: g("k"), lambda: f(a=1, b=2)):
    try:
        bad()
    except TypeError as e:
        out.append(str(e))
out
