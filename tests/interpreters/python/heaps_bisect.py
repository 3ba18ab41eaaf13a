import bisect
import heapq

heap = [5, 1, 8, 3]
heapq.heapify(heap)
heapq.heappush(heap, 0)
grades = [60, 70, 80, 90]


def dijkstra(graph, start):
    distance, queue = {start: 0}, [(0, start)]
    while queue:
        d, node = heapq.heappop(queue)
        if d > distance[node]:
            continue
        for other, weight in graph[node].items():
            if d + weight < distance.get(other, 10**9):
                distance[other] = d + weight
                heapq.heappush(queue, (d + weight, other))
    return distance


bisect.insort(grades, 75)
[
    [heapq.heappop(heap) for _ in range(5)],
    heapq.nlargest(2, [4, 9, 1], key=lambda n: -n),
    list(heapq.merge([1, 4], [2, 3])),
    ["FDCBA"[bisect.bisect([60, 70, 80, 90], g)] for g in (59, 60, 95)],
    grades,
    dijkstra({"a": {"b": 7, "c": 2}, "b": {}, "c": {"b": 3}}, "a"),
]
