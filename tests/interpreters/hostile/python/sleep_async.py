# verdict: timeout
import asyncio

asyncio.run(asyncio.sleep(60))
