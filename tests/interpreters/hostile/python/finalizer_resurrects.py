# verdict: ok
# value: 3
kept = []


class Zombie:
    def __del__(self):
        kept.append(self)


for _ in range(3):
    z = Zombie()
    del z
len(kept)
