"""CPython as a task module: the exports of `wit/script/script.wit`.

Importing this file makes the snapshot that every instance starts from: the library is
loaded, and code of all kinds has run once.
"""

import builtins

# See `sandpool_guest/values.py`.
__builtins__ = dict(vars(builtins))

import gc
import linecache
import sys

import wit_world
from componentize_py_types import Err
from sandpool_guest import library

library.load()

from sandpool_guest import (
    event_loop,
    failures,
    files,
    interrupts,
    modules,
    output,
    refusals,
    requests,
    snippets,
    tools,
    warm_up,
)
from wit_world.exports.script import Failure

# Let go when there is no memory left, so that there is some to say so.
ballast = bytearray(4 * 1024 * 1024)


def answer(function, *args):
    """Calls a function of `snippets`; an exception becomes the failure that the host
    receives, or the end of the task."""
    global ballast
    try:
        return function(*args)
    except SystemExit as e:
        code = e.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
        output.flush()
        refusals.leave(code or 0)
    except BaseException as e:
        if isinstance(e, MemoryError):
            ballast = None
        failure = Failure(*failures.describe(e))
    finally:
        output.flush()
    raise Err(failure)


class Script:
    """The interface `script`."""

    def prepare(self):
        snippets.prepare()

    def eval(self, source, input):
        return answer(snippets.evaluate, source, input)

    def show(self, source):
        return answer(snippets.show, source)

    def run(self, source, input):
        return answer(snippets.run, source, input)

    def check(self, source):
        return answer(snippets.check, source)

    def define(self, name, source):
        return answer(snippets.define, name, source)

    def call(self, function, arguments):
        return answer(snippets.call, function, arguments)


for part in (output, failures, files, event_loop, requests, refusals, tools, modules, snippets):
    part.install()

sys.path[:] = []
sys.path_importer_cache.clear()

warm_up.run(answer, snippets, Err)
modules.forget()
interrupts.forget()
snippets.install()
linecache.clearcache()
gc.collect()
# No `gc.freeze()`: the incremental collector of CPython 3.14 then looks at everything alive
# at every step, and 600,000 small lists take 9 s in place of 0.4 s. A high threshold keeps
# it away from the snapshot's pages while a snippet is small.
gc.set_threshold(20_000)
