# verdict: error
# error: not available in this sandbox: os.system
import os

os.system("id")
