data = list(range(10))
data[2:5] = ["x"]
data[::3] = "ABC"
del data[-1]
grid = [[0] * 3 for _ in range(2)]
grid[0][1] = 5
tail = slice(-3, None)
[data, data[tail], data[::-1][:2], grid, "hello"[1:-1], (1, 2, 3)[5:], [1, 2] + [3] * 2, [1, 2, 3].index(2), sorted([3, 1])[0:1], list(range(0, 10, 3))[-1], range(10)[2:5], data.count("A")]
