from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple

Point = namedtuple("Point", "x y", defaults=[0])
groups = defaultdict(list)
for word in "apple avocado banana blueberry cherry".split():
    groups[word[0]].append(word)
d = deque([1, 2, 3], maxlen=3)
d.append(4)
d.rotate(1)
order = OrderedDict(a=1, b=2)
order.move_to_end("a")
[
    Counter("mississippi").most_common(2),
    Counter(a=3) - Counter(a=1, b=2),
    dict(groups),
    list(d),
    Point(1)._asdict(),
    Point(1, 2)._replace(x=5),
    dict(ChainMap({"a": 1}, {"a": 2, "b": 3})),
    list(order),
]
