def averager():
    total, count, average = 0, 0, None
    while True:
        try:
            value = yield average
        except ZeroDivisionError:
            total = count = 0
            average = "reset"
            continue
        total += value
        count += 1
        average = total / count


g = averager()
next(g)
out = [g.send(10), g.send(20), g.throw(ZeroDivisionError()), g.send(5)]
g.close()
out
