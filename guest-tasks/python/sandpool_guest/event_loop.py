"""An event loop for asyncio that needs no sockets: tasks, timers, and nothing to wait for
but time."""

import builtins

__builtins__ = dict(vars(builtins))

import asyncio
import asyncio.base_events
import time


class _Sleeper:
    """Stands where other loops have the selector of their sockets."""

    def select(self, timeout):
        if timeout is None:
            raise RuntimeError(
                "every task waits for something that nobody will do (a deadlock): there are no "
                "sockets, threads or processes in this sandbox that could wake one"
            )
        if timeout > 0:
            time.sleep(timeout)
        return []


class EventLoop(asyncio.base_events.BaseEventLoop):
    """Runs tasks one after the other, and sleeps until the next timer."""

    def __init__(self):
        super().__init__()
        self._selector = _Sleeper()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        # There is no other thread to be woken from.
        pass

    def run_in_executor(self, executor, function, *args):
        # There are no threads: the function runs at once, here.
        future = self.create_future()
        try:
            future.set_result(function(*args))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            future.set_exception(error)
        return future


def run(awaitable):
    """Runs a coroutine, or what else can be awaited, to its end."""
    # Debug is given, so that no environment variable is looked up; SIGINT does not exist.
    with asyncio.Runner(debug=False, loop_factory=EventLoop) as runner:
        return runner.run(_wait(awaitable))


async def _wait(awaitable):
    return await awaitable


def install():
    asyncio.EventLoop = EventLoop
    asyncio.SelectorEventLoop = EventLoop
    asyncio.events.new_event_loop = asyncio.new_event_loop = EventLoop
    asyncio.runners.events.new_event_loop = EventLoop
    policy = asyncio.events._get_event_loop_policy()
    type(policy)._loop_factory = EventLoop
