"""Stops code that the host asks to stop, as Ctrl-C does: by a `KeyboardInterrupt`.

Only an instance whose host may ask pays for it: it looks at each call of a function and at
each jump backward, and asks the host at some of them.
"""

import builtins

__builtins__ = dict(vars(builtins))

import sys
import time

from wit_world.imports import interrupt

_monitoring = sys.monitoring
_TOOL = _monitoring.DEBUGGER_ID
_EVERY = 512

# Nobody may be asked while the snapshot is made.
_watching = False
_steps = 0
# Once in a call: what describes the exception is not to be stopped as well.
_stopped = False


def watch():
    """Looks from now on, where the host may ask."""
    global _watching, _stopped
    _stopped = False
    if _watching is None:
        _watching = interrupt.is_possible()
        if _watching:
            _start()


def _start():
    events = _monitoring.events
    _monitoring.use_tool_id(_TOOL, "sandpool")
    for event in (events.PY_START, events.PY_RESUME, events.JUMP):
        _monitoring.register_callback(_TOOL, event, _look)
    time.sleep = _sleep
    _monitoring.set_events(_TOOL, events.PY_START | events.PY_RESUME | events.JUMP)


def _look(*_):
    global _steps
    _steps += 1
    if _steps % _EVERY == 0:
        _look_now()


def _look_now():
    global _stopped
    if not _stopped and interrupt.is_requested():
        _stopped = True
        raise KeyboardInterrupt


_sleep_whole = time.sleep
_SLICE = 0.05


def _sleep(seconds, /):
    """Sleeps in slices, between which it looks."""
    end = time.monotonic() + seconds
    sliced = seconds > _SLICE
    while seconds > _SLICE:
        _sleep_whole(_SLICE)
        _look_now()
        seconds = end - time.monotonic()
    _sleep_whole(max(seconds, 0) if sliced else seconds)


def forget():
    """Lets the first call of an instance find out whether the host may ask."""
    global _watching
    _watching = None
