def counter(start=0):
    count = start

    def step(by=1):
        nonlocal count
        count += by
        return count

    def reset():
        nonlocal count
        count = start

    return step, reset


step, reset = counter(10)
out = [step(), step(5)]
reset()
out.append(step())
late = [lambda: i for i in range(3)]
early = [lambda i=i: i for i in range(3)]
[out, [f() for f in late], [f() for f in early], step.__closure__[0].cell_contents]
