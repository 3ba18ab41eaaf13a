a, b = {1, 2, 3}, {2, 3, 4}
d = {"x": 1, "y": 2}
d |= {"z": 3}
d.setdefault("w", []).append(1)
inverse = {v: k for k, v in {"a": 1, "b": 2}.items()}
first, *middle, last = range(5)
[
    a & b, a | b, a - b, a ^ b, a <= {1, 2, 3, 4}, a.isdisjoint({9}), frozenset([1]) in {frozenset([1])},
    d, list(d), d.pop("x"), d.get("q", "none"), inverse, dict(zip("ab", [1, 2])), {**d, "k": 0}, first, middle, last,
    list(reversed({"p": 1, "q": 2})), dict.fromkeys("ab", 0), d.keys() & {"y", "n"}, {(1, 2): "t"}, {1.0: "a", True: "b"},
]
