import json

data = {"text": "é \"q\" \n", "n": [1, 2.5, -0.0, 1e20], "t": True, "none": None, "nested": {"a": {"b": []}}}
text = json.dumps(data, sort_keys=True)


class Encoder(json.JSONEncoder):
    def default(self, o):
        return sorted(o) if isinstance(o, set) else super().default(o)


out = [
    text,
    json.loads(text) == data,
    json.dumps({"s": {3, 1}}, cls=Encoder),
    json.dumps([1, {"a": 2}], indent=2),
    json.loads('{"a": 1}', object_hook=lambda d: sorted(d)),
    json.loads("[1.10]", parse_float=str),
    json.dumps("é", ensure_ascii=False),
    json.dumps({1: "x", None: "y"}),
]
for bad in ('{"a": }', "[1 2]", ""):
    try:
        json.loads(bad)
    except json.JSONDecodeError as e:
        out.append([e.pos, e.lineno])
out
