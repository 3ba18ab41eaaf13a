parts = []
for i in range(20000):
    parts.append(f"{i:05d}")
text = "".join(parts)
data = [{"id": i, "name": f"user{i}", "tags": [i % 3, i % 5]} for i in range(2000)]
import json

again = json.loads(json.dumps(data))
numbers = sorted((i * 7919) % 100003 for i in range(50000))
[len(text), text[-10:], again == data, sum(d["tags"][0] for d in again), numbers[:3], numbers[-1], len(set(numbers))]
