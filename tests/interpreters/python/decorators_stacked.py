import functools


def logged(prefix):
    def decorate(f):
        @functools.wraps(f)
        def wrapper(*args, **kwargs):
            calls.append(f"{prefix}{f.__name__}{args}{kwargs}")
            return f(*args, **kwargs)

        return wrapper

    return decorate


def twice(f):
    return functools.wraps(f)(lambda *a, **k: [f(*a, **k), f(*a, **k)])


calls = []


@twice
@logged("> ")
def add(a, b=1):
    """Adds."""
    return a + b


[add(1, b=2), calls, add.__name__, add.__doc__]
