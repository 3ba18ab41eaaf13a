# verdict: exit
# error: 9
import os

os._exit(9)
