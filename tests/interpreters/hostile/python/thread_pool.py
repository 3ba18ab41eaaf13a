# verdict: error
# error: not available in this sandbox: threading.Thread.start
from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor() as pool:
    list(pool.map(str, range(3)))
