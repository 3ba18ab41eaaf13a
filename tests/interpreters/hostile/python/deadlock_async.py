# verdict: error
# error: deadlock
import asyncio


async def wait():
    await asyncio.get_running_loop().create_future()


await wait()
