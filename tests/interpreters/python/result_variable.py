def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


result = {n: collatz(n) for n in (6, 7, 27)}
longest = max(result, key=result.get)
for n in list(result):
    result[str(n)] = result.pop(n)
print(longest)
