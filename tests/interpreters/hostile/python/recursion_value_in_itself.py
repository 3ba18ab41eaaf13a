# verdict: error
# error: contains itself
a = []
a.append(a)
a
