"""Files: says what was not granted where a path is not there."""

import builtins

__builtins__ = dict(vars(builtins))

import errno
import io
import os

_plain_open = io.open
_NOT_THERE = {
    getattr(errno, name)
    for name in ("ENOENT", "EACCES", "EPERM", "ENOTCAPABLE", "EROFS", "EBADF")
    if hasattr(errno, name)
}
_PREFIX = "not available in this sandbox: "


def _any_granted():
    """Returns whether the host granted a directory: the first one is descriptor 3."""
    try:
        os.fstat(3)
    except OSError:
        return False
    return True


def explain(error):
    """Adds to the text of an error about a file the grant that it would take."""
    if not isinstance(error, OSError) or error.errno not in _NOT_THERE:
        return
    path = error.filename
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str) or _PREFIX in str(error.strerror):
        return
    if not _any_granted():
        error.strerror = (
            f"{error.strerror} ({_PREFIX}files; no directory was granted, "
            "the host can grant one with `--dir`)"
        )
    elif error.errno != errno.ENOENT:
        error.strerror = (
            f"{error.strerror} ({_PREFIX}this file, or writing to it; "
            "the host can grant that with `--dir HOST::GUEST:rw`)"
        )


def open(*args, **kwargs):
    try:
        return _plain_open(*args, **kwargs)
    except OSError as error:
        explain(error)
        raise


def install():
    open.__doc__ = _plain_open.__doc__
    open.__module__ = "io"
    builtins.open = io.open = open
