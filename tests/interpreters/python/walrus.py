import re

data = [5, 12, 7, 30]
out = [y for x in data if (y := x * 2) > 12]
if (n := len(data)) > 3:
    out.append(n)
lines = iter(["a", "b", ""])
while line := next(lines):
    out.append(line)
if (m := re.search(r"\d+", "abc123")) and (number := int(m[0])) > 100:
    out.append(number)
total = 0
out.append([total := total + v for v in data])
out.append(y)
out
