def attempt(f):
    steps = []
    try:
        steps.append(f())
    except ZeroDivisionError:
        steps.append("division")
    except (TypeError, AttributeError) as e:
        steps.append(type(e).__name__)
    else:
        steps.append("else")
    finally:
        steps.append("finally")
    return steps


def override():
    try:
        return "try"
    finally:
        pass


[attempt(lambda: 1), attempt(lambda: 1 / 0), attempt(lambda: None.x), attempt(lambda: 1 + ""), override()]
