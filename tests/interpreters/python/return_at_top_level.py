import math

numbers: list[int] = [3, 4]
limit: int


class Config:
    strict = True


def check(values):
    return all(v > 0 for v in values)


try:
    if not check(numbers):
        return "negative"
    for n in numbers:
        with open("/nowhere") if n > 10 else __import__("contextlib").nullcontext():
            if n == 4:
                return {"n": n, "root": math.sqrt(n), "class": Config.__qualname__}
except:
    return "caught"
finally:
    numbers.append(5)
"unreachable"
