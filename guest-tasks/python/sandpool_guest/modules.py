"""Modules of text, which code imports by their names."""

import builtins

__builtins__ = dict(vars(builtins))

import importlib.machinery
import sys

from . import failures

_code = {}


class _Finder:
    """Finds the modules that were defined. Comes first, so that they may be named as any."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        package = any(other.startswith(name + ".") for other in _code)
        if name not in _code and not package:
            return None
        spec = importlib.machinery.ModuleSpec(name, _Loader, is_package=package)
        spec.origin = f"<{name}>"
        return spec


class _Loader:
    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        name = module.__spec__.name
        if name in _code:
            exec(_code[name], module.__dict__)


def define(name, source):
    """Defines, or defines anew, a module. It runs when it is first imported."""
    if not name or not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"`{name}` is no name of a module")
    if name == "tools" or name == "__main__":
        raise ValueError(f"the module `{name}` is the sandbox's own")
    file = f"<{name}>"
    failures.remember(file, source)
    _code[name] = compile(source, file, "exec", dont_inherit=True)
    for loaded in [m for m in sys.modules if m == name or m.startswith(name + ".")]:
        del sys.modules[loaded]


def install():
    sys.meta_path.insert(0, _Finder)


def forget():
    """Removes every module that was defined."""
    for name in _code:
        sys.modules.pop(name, None)
    _code.clear()
