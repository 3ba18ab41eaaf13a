import random

rng = random.Random(42)
random.seed(7)
deck = list(range(10))
rng.shuffle(deck)
[
    [rng.randint(1, 6) for _ in range(10)], deck, round(rng.gauss(0, 1), 12), rng.sample(range(100), 5),
    rng.choices("abc", weights=[5, 1, 1], k=8), round(random.random(), 12), rng.getrandbits(40), round(rng.uniform(1, 2), 12),
]
