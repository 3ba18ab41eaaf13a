import datetime
import decimal
import fractions
import pathlib
import uuid

[
    (1, (2,)), {3, 1, 2}, frozenset("ab"), b"\x00\xff", 2**64, float("nan"), float("-inf"), -0.0, 1j, decimal.Decimal("1.50"),
    fractions.Fraction(2, 6), datetime.datetime(2024, 1, 2, 3, 4, 5, 6), datetime.date(2024, 1, 2), datetime.time(1, 2, 3),
    datetime.timedelta(days=-1, seconds=5), uuid.UUID(int=1), pathlib.PurePosixPath("/a/../b"), range(1, 10, 2), {1: "a", (2, 3): "b"},
    {"$tuple": [1]}, "\ud800", "\x00\u2028", None, True, bytearray(b"x"), {"b": 1, "a": 2}, {1: 2}.keys(), [], {}, (), set(),
]
