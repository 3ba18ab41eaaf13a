# verdict: error
# error: 200 levels
a = []
for _ in range(250):
    a = [a]
a
