def inner():
    yield 1
    yield 2
    return "done"


def outer():
    value = yield from inner()
    yield value


list(outer())
