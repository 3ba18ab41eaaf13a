# verdict: error
# error: RecursionError
import copy

a = []
for _ in range(50000):
    a = [a]
copy.deepcopy(a)
