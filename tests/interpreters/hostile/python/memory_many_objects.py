# verdict: error
# error: MemoryError
kept = []
while True:
    kept.append([len(kept)] * 50)
