# verdict: ok
# value: 0
import os

opened = 0
for fd in range(3, 64):
    try:
        os.read(fd, 1)
        opened += 1
    except OSError:
        pass
opened
