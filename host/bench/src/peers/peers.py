# Python's pools, asked line by line in JSON. Started as
# `python3 -c THIS mp|executor PROCESSES`.
import concurrent.futures
import json
import multiprocessing
import os
import platform
import sys
import time


def empty(n):
    return n


def spin(n):
    end = time.thread_time() + 0.001
    while time.thread_time() < end:
        pass
    return n


def sleep(n):
    time.sleep(0.001)
    return n


def echo(data):
    return data


FUNCTIONS = {"empty": empty, "spin": spin, "sleep": sleep, "echo": echo}


def latencies(seconds, call):
    taken = []
    until = time.perf_counter() + seconds
    while len(taken) < 2 or (time.perf_counter() < until and len(taken) < 20000):
        begin = time.perf_counter()
        call()
        taken.append((time.perf_counter() - begin) * 1e6)
    return {"latencies": taken}


def rate(seconds, run, state):
    while True:
        tasks = state["count"]
        begin = time.perf_counter()
        run(tasks)
        took = time.perf_counter() - begin
        if took * 2 >= seconds or tasks >= 300000:
            return {"value": tasks / took}
        more = min(20, max(2, seconds / max(took, 1e-6)))
        state["count"] = min(300000, int(tasks * more) + 1)


def bandwidth(seconds, size, call):
    data = bytes(range(256)) * (size // 256)
    taken = 0
    calls = 0
    until = time.perf_counter() + seconds
    while calls == 0 or time.perf_counter() < until:
        begin = time.perf_counter()
        back = call(data)
        taken += time.perf_counter() - begin
        calls += 1
        assert len(back) == size
    return {"value": calls * size / 1e6 / taken}


def spawn(seconds, context):
    def once():
        process = context.Process(target=os.getpid)
        process.start()
        process.join()

    return latencies(seconds, once)


def main():
    kind, processes = sys.argv[1], int(sys.argv[2])
    fork = multiprocessing.get_context("fork")
    if kind == "mp":
        pool = fork.Pool(processes)
        apply = lambda f, x: pool.apply(f, (x,))
        run = lambda f, n, size: pool.map(f, range(n), chunksize=size)
    else:
        pool = concurrent.futures.ProcessPoolExecutor(processes, mp_context=fork)
        apply = lambda f, x: pool.submit(f, x).result()
        run = lambda f, n, size: list(pool.map(f, range(n), chunksize=size or 1))
    run(sleep, processes * 4, 1)
    states = {}
    print(json.dumps({"version": platform.python_version()}), flush=True)
    for line in sys.stdin:
        what, name, seconds, extra = json.loads(line)
        function = FUNCTIONS.get(name)
        if what == "apply":
            answer = latencies(seconds, lambda: apply(function, 7))
        elif what == "map":
            state = states.setdefault((name, extra), {"count": processes * 4})
            answer = rate(seconds, lambda n: run(function, n, extra), state)
        elif what == "echo":
            answer = bandwidth(seconds, extra, lambda data: apply(echo, data))
        else:
            answer = spawn(seconds, multiprocessing.get_context("spawn"))
        print(json.dumps(answer), flush=True)
    if kind == "mp":
        pool.terminate()
    else:
        pool.shutdown(cancel_futures=True)


main()
