"""The exports of the interface `script`."""

import builtins

__builtins__ = dict(vars(builtins))

import sys

from componentize_py_types import Err
from . import failures, output, refusals, snippets
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
