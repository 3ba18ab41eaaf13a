def numbers(limit):
    for n in range(limit):
        yield n


def squares(source):
    for n in source:
        yield n * n


def odd(source):
    yield from (n for n in source if n % 2)


sum(odd(squares(numbers(100))))
