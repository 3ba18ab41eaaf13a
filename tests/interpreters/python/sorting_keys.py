import operator
from functools import cmp_to_key

people = [("Ann", 30, 1.5), ("bob", 25, 2.5), ("Cid", 30, 0.5), ("dan", 25, 2.0)]
[
    sorted(people, key=lambda p: (-p[1], p[0].lower())),
    sorted(people, key=operator.itemgetter(2), reverse=True)[0][0],
    sorted("banana cherry Apple".split(), key=str.casefold),
    sorted([3, 1, 2], key=cmp_to_key(lambda a, b: b - a)),
    min(people, key=lambda p: p[2]),
    sorted({"b": 1, "a": 2}.items(), key=lambda kv: kv[1]),
    sorted([(1, "b"), (1, "a"), (0, "z")]),
    [x for _, x in sorted(zip([2, 1, 3], "bac"))],
    sorted([True, False, 2, -1]),
    sorted(range(10), key=lambda n: (n % 3, -n)),
]
