# verdict: timeout
import itertools

for _ in itertools.count():
    pass
