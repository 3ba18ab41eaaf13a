from dataclasses import asdict, dataclass, field, replace


@dataclass(order=True)
class Item:
    name: str
    price: float
    tags: list = field(default_factory=list, compare=False)

    def total(self, n=1):
        return round(self.price * n, 2)


a = Item("pen", 1.25, ["office"])
b = replace(a, name="book", price=12.5)
[asdict(a), b.total(3), a < b, repr(b), sorted([b, a])[0].name, a]
