import itertools as it

[
    list(it.chain([1], (2, 3))),
    list(it.combinations("abc", 2)),
    list(it.product([0, 1], repeat=2)),
    ["".join(p) for p in it.permutations("ab")],
    [(k, len(list(g))) for k, g in it.groupby("aaabbc")],
    list(it.accumulate([1, 2, 3, 4], lambda a, b: a * b)),
    list(it.islice(it.count(10, 5), 3)),
    list(it.zip_longest([1, 2], "a", fillvalue="-")),
    list(it.takewhile(lambda n: n < 3, range(10))),
    list(it.pairwise([1, 2, 4])),
    list(it.starmap(pow, [(2, 3), (3, 2)])),
    list(it.compress("abcd", [1, 0, 1, 0])),
    [list(x) for x in it.tee([1, 2])],
]
