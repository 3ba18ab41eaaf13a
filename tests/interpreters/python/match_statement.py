from dataclasses import dataclass


@dataclass
class Point:
    x: int
    y: int


def describe(value):
    match value:
        case 0 | 1:
            return "small"
        case int(n) if n < 0:
            return f"negative {n}"
        case str() as s:
            return f"text {s}"
        case []:
            return "empty"
        case [x]:
            return f"one {x}"
        case [first, *rest]:
            return f"{first} and {len(rest)} more"
        case {"type": "circle", "r": r, **others}:
            return f"circle {r} {sorted(others)}"
        case Point(x=0, y=y):
            return f"on axis {y}"
        case Point(x, y) if x == y:
            return "diagonal"
        case Point():
            return "point"
        case None:
            return "none"
        case _:
            return "other"


values = [0, -5, "hi", [], [1], (1, 2, 3), {"type": "circle", "r": 2, "c": 1}, Point(0, 3), Point(2, 2), Point(1, 2), None, 2.5]
[describe(v) for v in values]
