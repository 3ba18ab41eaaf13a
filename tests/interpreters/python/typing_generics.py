from typing import Any, Callable, Generic, Literal, NamedTuple, Optional, Protocol, TypedDict, TypeVar, Union, get_type_hints, runtime_checkable

T = TypeVar("T")


class Stack(Generic[T]):
    def __init__(self) -> None:
        self.items: list[T] = []

    def push(self, item: T) -> "Stack[T]":
        self.items.append(item)
        return self


@runtime_checkable
class Sized2(Protocol):
    def size(self) -> int: ...


class Box:
    def size(self) -> int:
        return 1


class Movie(TypedDict, total=False):
    name: str
    year: int


class Employee(NamedTuple):
    name: str
    id: int = 3


def f(a: int, b: Optional[str] = None, *args: Any, c: Literal["x", "y"] = "x") -> Callable[[int], bool] | None: ...


[
    Stack[int]().push(1).push(2).items, isinstance(Box(), Sized2), Movie(name="M"), Employee("a"), Employee("b", 4).id,
    sorted(get_type_hints(f)), str(Union[int, str]) in ("typing.Union[int, str]", "int | str"), list[int].__args__ == (int,),
]
