# verdict: timeout
import collections
import itertools

collections.deque(itertools.repeat(None), maxlen=0)
