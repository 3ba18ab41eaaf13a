"""Files: says what was not granted where a path is not there."""

import builtins

__builtins__ = dict(vars(builtins))

import errno
import io
import os

from wit_world.imports import preopens

_plain_open = io.open
_NOT_THERE = {
    getattr(errno, name)
    for name in ("ENOENT", "EACCES", "EPERM", "ENOTCAPABLE", "EROFS", "EBADF")
    if hasattr(errno, name)
}
_PREFIX = "not available in this sandbox: "


def _granted():
    """Returns the directories that the host granted to this task."""
    return [path for _, path in preopens.get_directories() if path != "/"]


def explain(error):
    """Adds to the text of an error about a file the grant that it would take."""
    if not isinstance(error, OSError) or error.errno not in _NOT_THERE:
        return
    path = error.filename
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str) or _PREFIX in str(error.strerror):
        return
    directories = _granted()
    absolute = os.path.normpath(os.path.join("/", path))
    if not directories:
        why = "files; no directory was granted, the host can grant one with `--dir`"
    elif not any(f"{absolute}/".startswith(f"{directory.rstrip('/')}/") for directory in directories):
        why = f"this file; only {' and '.join(f'`{d}`' for d in directories)} was granted"
    elif error.errno != errno.ENOENT:
        why = "writing there; the host can grant it with `--dir HOST::GUEST:rw`"
    else:
        return
    error.strerror = f"{error.strerror} ({_PREFIX}{why})"


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
