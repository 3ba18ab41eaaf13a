"""What multiprocessing takes for the same: run by the bench `queue`.

Prints one JSON object: items a second through a Queue, and microseconds for a
call on a Manager's dict.
"""

import json
import multiprocessing as mp
import sys
import time


def produce(queue, count):
    for _ in range(count):
        queue.put(b"77777777")


def consume(queue, ready):
    ready.set()
    while queue.get() is not None:
        pass


def through_a_queue(count, producers, consumers):
    queue = mp.Queue()
    ready = [mp.Event() for _ in range(consumers)]
    takers = [mp.Process(target=consume, args=(queue, event)) for event in ready]
    for taker in takers:
        taker.start()
    for event in ready:
        event.wait()
    begin = time.perf_counter()
    putters = [
        mp.Process(target=produce, args=(queue, count // producers))
        for _ in range(producers)
    ]
    for putter in putters:
        putter.start()
    for putter in putters:
        putter.join()
    for _ in takers:
        queue.put(None)
    for taker in takers:
        taker.join()
    return count / (time.perf_counter() - begin)


def dict_call(times):
    with mp.Manager() as manager:
        shared = manager.dict()
        begin = time.perf_counter()
        for _ in range(times // 2):
            shared["key"] = b"1"
            shared.get("key")
        return (time.perf_counter() - begin) / times * 1e6


if __name__ == "__main__":
    count = int(sys.argv[1])
    print(
        json.dumps(
            {
                "items_one_consumer": through_a_queue(count, 2, 1),
                "items_two_consumers": through_a_queue(count, 2, 2),
                "dict_call_us": dict_call(10_000),
            }
        )
    )
