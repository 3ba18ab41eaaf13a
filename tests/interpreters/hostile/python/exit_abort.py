# verdict: error
# error: not available in this sandbox
import os

os.abort()
