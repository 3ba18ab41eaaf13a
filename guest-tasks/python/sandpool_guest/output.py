"""stdout and stderr of a snippet.

CPython gives a task unbuffered streams whose short writes lose bytes. These here have a
buffer that writes again what was not taken.
"""

import builtins

__builtins__ = dict(vars(builtins))

import io
import sys

_BUFFER = 16384


def _stream(descriptor, mode, errors):
    raw = io.FileIO(descriptor, mode, closefd=False)
    raw.name = {0: "<stdin>", 1: "<stdout>", 2: "<stderr>"}[descriptor]
    if mode == "r":
        return io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8", errors=errors)
    buffer = io.BufferedWriter(raw, _BUFFER)
    return io.TextIOWrapper(
        buffer, encoding="utf-8", errors=errors, line_buffering=descriptor == 2
    )


STDIN = _stream(0, "r", "surrogateescape")
STDOUT = _stream(1, "w", "strict")
STDERR = _stream(2, "w", "backslashreplace")


def install():
    """Makes these the streams of the interpreter."""
    sys.stdin = sys.__stdin__ = STDIN
    sys.stdout = sys.__stdout__ = STDOUT
    sys.stderr = sys.__stderr__ = STDERR


def flush():
    """Writes what is in the buffers, also if a snippet put others in their place."""
    for stream in (sys.stdout, STDOUT, sys.stderr, STDERR):
        try:
            stream.flush()
        except Exception:
            # Closed or replaced by the snippet, which then has nothing to lose.
            pass
