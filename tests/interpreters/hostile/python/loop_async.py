# verdict: timeout
import asyncio


async def spin():
    while True:
        await asyncio.sleep(0)


await spin()
