"""Runs snippets, and functions that they defined. Their names live in `__main__`, from
one to the next."""

import builtins

__builtins__ = dict(vars(builtins))

import random
import sys

from . import code, event_loop, failures, interrupts, modules, output, tools, values

_FILE = "<snippet>"
_names = sys.modules["__main__"].__dict__
_count = 0
# What `__main__` holds before the first snippet.
_first_names = {}
# The script that `run` has compiled.
_script = None
# The host may have made a snapshot of its own, after `prepare`, which froze the state of the
# generator for all instances alike. (That of the build needs nothing: componentize-py
# seeds the generator at the first call.)
_frozen = False


def evaluate(source, input_text):
    """Runs a snippet and returns its value as text."""
    _begin()
    if input_text is not None:
        _names["input"] = _decoded(input_text, "input")
    else:
        _names.setdefault("input", None)
    value = _run(source)
    text = _encoded(value)
    if value is not None:
        builtins._ = value
    return text


def show(source):
    """Runs a snippet and returns its value as a prompt shows it."""
    _begin()
    _names.setdefault("input", None)
    value = _run(source)
    if value is None:
        return ""
    builtins._ = value
    return repr(value)


def run(source, input_text):
    """Runs a script for an input, and returns its value as text."""
    global _script
    _begin()
    if _script is None or _script.source != source:
        _script = None
        _script = _Script(source)
    return _encoded(_script.run(input_text))


def check(source):
    """Compiles a script."""
    _begin()
    _Script(source)


class _Script:
    """A script that is compiled, and its function `main` once the rest has run."""

    def __init__(self, source):
        global _count
        _count = 1
        failures.remember(_FILE, source)
        self.source = source
        self._snippet = code.compiled(source, _FILE)
        self._main = None

    def run(self, input_text):
        if self._main is None:
            _reset_names()
            if not self._snippet.has_main:
                _names["input"] = _decoded(input_text, "input")
                return self._snippet.run(_names, event_loop.run)
            self._snippet.run(_names, event_loop.run)
            self._main = _find("main")
        input = _decoded(input_text, "input")
        _names["input"] = input
        return _awaited(self._main(input))


def call(name, arguments_text):
    """Calls a function that earlier code defined, and returns its value as text."""
    _begin()
    arguments = _decoded(arguments_text, "arguments")
    function = _find(name)
    if isinstance(arguments, dict):
        value = function(**arguments)
    elif isinstance(arguments, (list, tuple)):
        value = function(*arguments)
    else:
        raise TypeError("arguments are a list, or an object of keyword arguments")
    return _encoded(_awaited(value))


def prepare():
    """Expects a snapshot by the host."""
    global _frozen
    _frozen = True


def define(name, source):
    """Defines a module of text."""
    _begin()
    modules.define(name, source)


def _decoded(text, what):
    try:
        return values.decode(text, _names.get)
    except ValueError as e:
        why = f"`{what}` cannot be read: {e}"
    raise ValueError(why)


def _encoded(value):
    try:
        return values.encode(value)
    except values.NoValue as e:
        why = str(e)
    raise TypeError(why)


def _begin():
    """What each call does first."""
    global _frozen
    if _frozen:
        random.seed()
        _frozen = False
    tools.forget()
    interrupts.watch()


def _find(name):
    first, *rest = name.split(".")
    if first in _names:
        found = _names[first]
    elif rest:
        found = __import__(first)
    else:
        raise NameError(f"no function `{name}` is defined")
    for part in rest:
        found = getattr(found, part)
    return found


def _awaited(value):
    return event_loop.run(value) if hasattr(type(value), "__await__") else value


def _run(source):
    global _count
    _count += 1
    file = _FILE if _count == 1 else f"<snippet {_count}>"
    failures.remember(file, source)
    return code.run(source, file, _names, event_loop.run)


def _reset_names():
    _names.clear()
    _names.update(_first_names)
    vars(builtins).pop("_", None)


def install():
    """Makes `__main__` the snippets' own module, with nothing in it."""
    global _count, _first_names, _script
    own = {name: value for name, value in _names.items() if name.startswith("__")}
    own.update(__name__="__main__", __builtins__=builtins, __doc__=None)
    own.pop("__file__", None)
    _first_names = own
    _reset_names()
    _count = 0
    _script = None
