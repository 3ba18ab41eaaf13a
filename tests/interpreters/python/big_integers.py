import math

[
    2**200,
    math.factorial(50),
    pow(3, 10**6, 10**9 + 7),
    (10**50 + 1) // 7 % 1000003,
    (-(2**70)) >> 3,
    (2**100).bit_length(),
    int("zz", 36),
    int.from_bytes(b"\x01\x02\x03", "big"),
    (1234567).to_bytes(4, "little"),
    hex(2**64 - 1),
    bin(10),
    pow(7, -1, 31),
    sum(int(d) for d in str(2**1000)),
    0xFF ^ 0b1010 | 0o17,
    ~5,
    9007199254740993,
]
