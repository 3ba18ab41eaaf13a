"""Code that runs before the snapshot, so that what Python makes on first use is there."""

import builtins

__builtins__ = dict(vars(builtins))

SNIPPETS = [
    "1 + 1",
    "x = 3\nresult = x",
    "if True:\n    return sum(range(10))",
    "import asyncio\nawait asyncio.sleep(0)\n1",
    "1 / 0",
    "def f():\n    raise KeyError('x') from ValueError('y')\nf()",
    "1 +",
    "(",
    "lambda: 0",
    "undefined",
    "import missing_module",
    "'%s %r' % (1, 2) + f'{3:>5.2f}' + '{:,}'.format(10**6) + str(1.5)",
    """
import dataclasses, datetime, decimal, enum, fractions, functools, itertools, json, math, re
import collections, random, statistics, typing, zoneinfo

@dataclasses.dataclass(order=True, frozen=True)
class Point:
    x: int
    y: float = 0.5

class Color(enum.Enum):
    RED = 1

class Base:
    def __init__(self, a): self.a = a
    @property
    def double(self): return self.a * 2
    def __repr__(self): return f"Base({self.a})"

class Derived(Base):
    def __init__(self): super().__init__(2)

def numbers():
    yield from range(3)

@functools.lru_cache
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)

match Point(1):
    case Point(x=1): pass
random.seed(1); random.random(); random.choice([1, 2]); random.shuffle([1, 2, 3])
re.sub(r"(?P<a>\\w+)", "x", "a b"); re.findall(r"\\d+", "1 2")
json.loads(json.dumps({"a": [1, 2.5, None, True, "é"]}, indent=2))
datetime.datetime.strptime("2024-01-02 03:04", "%Y-%m-%d %H:%M").strftime("%A %d %B %Y")
datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")).utcoffset()
statistics.mean([1, 2]); decimal.Decimal("1.1") + 1; fractions.Fraction(1, 3)
sorted({"b": 1, "a": 2}.items(), key=lambda p: p[1]); collections.Counter("aab").most_common(1)
try:
    raise ExceptionGroup("g", [ValueError(1)])
except* ValueError:
    pass
with open(__import__("os").devnull) if False else __import__("contextlib").nullcontext():
    pass
[Point(1), Color.RED, Derived().double, repr(Derived()), list(numbers()), fib(5), {1, 2}, (1,),
 decimal.Decimal(1), fractions.Fraction(1), datetime.date(2024, 1, 1), b"x", 2**60, {1: 2}]
""",
]


def run(answer, snippets, failure_type):
    """Runs them all. They print nothing, and reach nothing outside."""
    for source in SNIPPETS:
        try:
            answer(snippets.evaluate, source, '{"a": [1, {"$tuple": [2]}]}')
        except failure_type:
            pass
    answer(snippets.call, "fib", "[5]")
    answer(snippets.call, "fib", '{"n": 5}')
    for script in ("def main(input):\n    return input", "[input]"):
        answer(snippets.run, script, "1")
        answer(snippets.run, script, "2")
    answer(snippets.define, "warm", "y = 1")
    answer(snippets.evaluate, "from warm import y\ny", None)


def run_again(answer, snippets):
    """Runs small snippets again and again, in the memory that instances will use: until
    the interpreter has nothing left to adapt to them."""
    for _ in range(50):
        for source in ("1 + 1", "x = 1\nresult = x", "1 + 1"):
            answer(snippets.evaluate, source, "1")
            answer(snippets.evaluate, source, None)
    snippets.install()
