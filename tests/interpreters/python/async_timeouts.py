import asyncio


async def slow():
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise


async def main():
    try:
        await asyncio.wait_for(slow(), 0.01)
    except asyncio.TimeoutError:
        log.append("timeout")
    task = asyncio.create_task(slow())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        log.append("seen")
    async with asyncio.TaskGroup() as group:
        one = group.create_task(asyncio.sleep(0, "one"))
    lock, event = asyncio.Lock(), asyncio.Event()
    async with lock:
        event.set()
    await event.wait()
    log.append(one.result())


log = []
asyncio.run(main())
log
