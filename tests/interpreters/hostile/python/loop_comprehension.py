# verdict: timeout
[0 for _ in iter(int, 1) if False]
