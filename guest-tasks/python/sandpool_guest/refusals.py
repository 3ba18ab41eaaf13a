"""What a task cannot have fails with a line that a reader, or a model, understands."""

import builtins

__builtins__ = dict(vars(builtins))

import _thread
import os
import posix
import signal
import socket
import subprocess
import sys
import threading

from wit_world.imports import exit as wasi_exit

PREFIX = "not available in this sandbox: "

_PROCESSES = "there are no other processes; do it in Python, or by a function of `tools`"
_SOCKETS = "there are no sockets; use fetch(url) or urllib.request.urlopen(url), which the host can grant"
_THREADS = "there are no threads; call the function directly, or use asyncio for tasks that wait"

_OF_PROCESSES = (
    "fork forkpty system popen execl execle execlp execlpe execv execve execvp execvpe "
    "spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe posix_spawn posix_spawnp "
    "kill killpg wait waitpid setuid setgid chroot nice getppid pipe"
).split()

_NO_CODEC = "this Python was built without it; there are zlib, gzip and zipfile"
_HINTS = {
    "bz2": _NO_CODEC,
    "_bz2": _NO_CODEC,
    "lzma": _NO_CODEC,
    "_lzma": _NO_CODEC,
    "aiohttp": _SOCKETS,
    "ctypes": "there is no foreign code",
    "_ctypes": "there is no foreign code",
    "cffi": "there is no foreign code",
    "httpx": _SOCKETS,
    "requests": _SOCKETS,
    "ssl": _SOCKETS,
    "urllib3": _SOCKETS,
    "_multiprocessing": _PROCESSES,
    "multiprocessing": _PROCESSES,
    "pty": _PROCESSES,
    "fcntl": _PROCESSES,
    "resource": _PROCESSES,
}
_NO_MODULE = (
    "there are most modules of Python's standard library, modules that the host defined, "
    "and `tools`"
)


def _refuse(kind, what, why):
    def refuse(*args, **kwargs):
        raise kind(f"{PREFIX}{what} ({why})")

    refuse.__name__ = refuse.__qualname__ = what.rpartition(".")[2]
    return refuse


class _MissingModules:
    """Comes last among the finders: says of a module that nobody found what there is."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        top = name.partition(".")[0]
        if name != top and top in sys.modules:
            # A part of a module that is there: the plain error says enough.
            return None
        why = _HINTS.get(top, _NO_MODULE)
        raise ModuleNotFoundError(f"No module named '{name}' ({PREFIX}{name}; {why})", name=name)


def leave(code):
    """Ends the task with this exit code."""
    wasi_exit.exit_with_code(code & 0xFF)


def install():
    for name in _OF_PROCESSES:
        setattr(os, name, _refuse(OSError, f"os.{name}", _PROCESSES))
    os._exit = posix._exit = leave
    os.abort = posix.abort = _refuse(OSError, "os.abort", "use sys.exit(code)")
    subprocess.Popen.__init__ = _refuse(OSError, "subprocess", _PROCESSES)
    subprocess.Popen.__del__ = lambda self: None
    subprocess._fork_exec = subprocess.Popen.__init__
    socket.socket.__init__ = _refuse(OSError, "socket", _SOCKETS)
    socket.socket.__del__ = lambda self: None
    for name in ("create_connection", "create_server", "getaddrinfo", "gethostbyname", "socketpair"):
        setattr(socket, name, _refuse(OSError, f"socket.{name}", _SOCKETS))
    refuse_thread = _refuse(RuntimeError, "threading.Thread.start", _THREADS)
    threading.Thread.start = refuse_thread
    _thread.start_new_thread = _thread.start_new = refuse_thread
    threading._start_joinable_thread = _thread.start_joinable_thread = refuse_thread
    signal.alarm = _refuse(OSError, "signal.alarm", "there are no signals; the host keeps the time")
    sys.meta_path.append(_MissingModules)
