from dataclasses import FrozenInstanceError, astuple, dataclass


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0

    def __post_init__(self):
        if self.x < 0:
            raise ValueError("negative")


out = [astuple(Point(1)), len({Point(1), Point(1, 0)})]
for attempt in (lambda: setattr(Point(1), "x", 2), lambda: Point(-1)):
    try:
        attempt()
    except (FrozenInstanceError, ValueError) as e:
        out.append(type(e).__name__)
out
