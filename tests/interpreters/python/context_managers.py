from contextlib import ExitStack, closing, contextmanager, suppress

log = []


class Resource:
    def __init__(self, name):
        self.name = name

    def __enter__(self):
        log.append(f"open {self.name}")
        return self

    def __exit__(self, kind, error, tb):
        log.append(f"close {self.name} {kind.__name__ if kind else None}")
        return kind is KeyError

    def close(self):
        log.append(f"closed {self.name}")


@contextmanager
def section(name):
    log.append(f"<{name}>")
    try:
        yield name
    finally:
        log.append(f"</{name}>")


with Resource("a") as a, Resource("b"):
    raise KeyError("x")
with section("s"), suppress(ZeroDivisionError):
    1 / 0
with ExitStack() as stack:
    for n in "xy":
        stack.enter_context(Resource(n))
    stack.callback(log.append, "callback")
with closing(Resource("z")):
    pass
log
