# verdict: error
# error: not available in this sandbox
import queue
import threading

q = queue.Queue()
threading.Thread(target=lambda: q.put(1)).start()
q.get()
