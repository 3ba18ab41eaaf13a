import asyncio

queue = asyncio.Queue()


async def producer():
    for i in range(3):
        await queue.put(i)
        await asyncio.sleep(0)
    await queue.put(None)


async def consumer():
    got = []
    while (item := await queue.get()) is not None:
        got.append(item * item)
    return got


task = asyncio.create_task(producer())
got = await consumer()
await task
got
