import asyncio


async def work(name, delay):
    order.append(f"start {name}")
    await asyncio.sleep(delay)
    order.append(f"end {name}")
    return name.upper()


async def main():
    return await asyncio.gather(work("a", 0.03), work("b", 0.01), work("c", 0.02))


order = []
[asyncio.run(main()), order]
