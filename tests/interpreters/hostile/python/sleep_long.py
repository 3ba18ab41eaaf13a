# verdict: timeout
import time

time.sleep(60)
