# verdict: error
# error: not available in this sandbox: threading.Thread.start
import threading

while True:
    threading.Thread(target=print).start()
