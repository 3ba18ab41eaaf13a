# verdict: ok
# value: 3
import sys

print("kept")
sys.stdout.close()
sys.stderr = None
sys.stdout = 5
3
