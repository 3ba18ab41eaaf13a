# verdict: error
# error: not available in this sandbox: os.fork
import os

while True:
    os.fork()
