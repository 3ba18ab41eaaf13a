import asyncio


class Countdown:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.n == 0:
            raise StopAsyncIteration
        self.n -= 1
        await asyncio.sleep(0)
        return self.n


async def agen():
    try:
        for i in range(5):
            yield i
    finally:
        closed.append(True)


class Manager:
    async def __aenter__(self):
        return "entered"

    async def __aexit__(self, *details):
        return True


closed = []


async def main():
    async with Manager() as m:
        raise ValueError("swallowed")
    evens = [i async for i in agen() if i % 2 == 0]
    return [m, [x async for x in Countdown(3)], evens, closed]


asyncio.run(main())
