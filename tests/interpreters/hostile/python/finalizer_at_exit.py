# verdict: exit
import atexit
import sys

atexit.register(lambda: [0 for _ in iter(int, 1)])
sys.exit(3)
