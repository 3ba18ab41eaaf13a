from collections import deque
from graphlib import CycleError, TopologicalSorter

graph = {"d": {"b", "c"}, "b": {"a"}, "c": {"a"}}
order = list(TopologicalSorter(graph).static_order())
try:
    list(TopologicalSorter({"a": {"b"}, "b": {"a"}}).static_order())
    cycle = None
except CycleError as e:
    cycle = e.args[0]


def bfs(grid, start, goal):
    queue, seen = deque([(start, 0)]), {start}
    while queue:
        (r, c), steps = queue.popleft()
        if (r, c) == goal:
            return steps
        for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            p = (r + dr, c + dc)
            if 0 <= p[0] < len(grid) and 0 <= p[1] < len(grid[0]) and grid[p[0]][p[1]] == "." and p not in seen:
                seen.add(p)
                queue.append((p, steps + 1))


[order[0], order[-1], cycle, bfs(["..#.", ".##.", "...."], (0, 0), (0, 3))]
