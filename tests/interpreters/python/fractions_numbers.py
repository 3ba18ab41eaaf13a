import cmath
import math
import statistics
from fractions import Fraction

[
    Fraction(1, 3) + Fraction(1, 6),
    Fraction("0.125"),
    Fraction(math.pi).limit_denominator(100),
    math.gcd(84, 36),
    math.lcm(4, 6),
    math.comb(52, 5),
    math.isqrt(10**20 + 1),
    round(math.hypot(3, 4), 6),
    math.fsum([0.1] * 10),
    complex(1, 2) * 1j,
    round(abs(cmath.exp(1j * cmath.pi) + 1), 9),
    statistics.median([3, 1, 4, 1, 5]),
    statistics.mode("aabbb"),
    round(statistics.stdev([2, 4, 4, 4, 5, 5, 7, 9]), 6),
    0.1 + 0.2,
    round(2.5),
    -7 // 2,
    -7 % 3,
    divmod(-7, 3),
]
