# verdict: exit
# error: 7
import sys

sys.exit(7)
