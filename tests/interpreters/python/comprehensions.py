matrix = [[r * 3 + c for c in range(3)] for r in range(3)]
transposed = [[row[i] for row in matrix] for i in range(3)]
words = "the quick brown fox jumps over the lazy dog".split()
[
    transposed,
    {w: len(w) for w in words if len(w) > 4},
    {len(w) for w in words},
    [(x, y) for x in range(3) for y in range(x) if (x + y) % 2],
    sum(1 for w in words if "o" in w),
    [n if n % 3 else "fizz" for n in range(1, 7)],
]
