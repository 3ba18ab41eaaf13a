from enum import Enum, Flag, IntEnum, StrEnum, auto, unique


@unique
class Color(Enum):
    RED = 1
    GREEN = 2

    @property
    def pretty(self):
        return self.name.title()


class Level(IntEnum):
    LOW = 1
    HIGH = 5


class Mode(StrEnum):
    READ = auto()
    WRITE = auto()


class Permission(Flag):
    R = 4
    W = 2
    X = 1


rw = Permission.R | Permission.W
[
    Color(1).name,
    Color["GREEN"].pretty,
    [c.value for c in Color],
    Level.HIGH > Level.LOW,
    Mode.READ == "read",
    Permission.W in rw,
    (~rw & Permission.X).name,
    Color.RED,
]
