"""Puts the memory that a snippet reads and writes close together.

Every fresh instance begins with the pages of the snapshot, and pays for each page that it
touches: the kernel maps it, copies it if it is written to, and takes it back. An interpreter
that has loaded its library has free blocks in nearly every page, so that a few new objects
touch as many pages.
"""

import builtins

__builtins__ = dict(vars(builtins))

import gc
import importlib
import importlib.machinery
import importlib.util
import marshal
import sys

# This Python has no allocator of its own: objects are blocks of the C library's heap. Such a
# block has a header of 4 bytes, and its whole size is a multiple of 16.
_HEADER = 4
_SIZES = [*(1 << bits for bits in range(18, 10, -1)), *range(1024, 0, -16)]
_EMPTY = b"".__sizeof__()
_MOST_BLOCKS = 300_000
_kept = ()


def fill():
    """Takes the free blocks between others for good, so that objects that are made from now
    on lie side by side, behind all others."""
    global _kept
    gc.collect()
    top = max(map(id, gc.get_objects()))
    taken = [None] * _MOST_BLOCKS
    count = 0
    # From large to small: what is left of a large block serves smaller ones.
    for size in _SIZES:
        while count < _MOST_BLOCKS:
            block = bytes(size - _HEADER - _EMPTY) if size > 16 else object()
            if id(block) > top:
                break
            taken[count] = block
            count += 1
    _kept = _kept, *taken[:count]
    # The collector stops looking at a tuple in which there is nothing to collect.
    gc.collect()


class _Loader:
    """Loads modules from code that was compiled before."""

    def __init__(self, compiled):
        self.compiled = compiled

    def find_spec(self, name, path=None, target=None):
        if name not in self.compiled:
            return None
        origin, _ = self.compiled[name]
        spec = importlib.machinery.ModuleSpec(name, self, origin=origin)
        spec.has_location = True
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        _, code = self.compiled[module.__name__]
        exec(marshal.loads(code), module.__dict__)


def import_side_by_side(names):
    """Imports modules so that their code and functions lie side by side: nothing that the
    compiler makes on its way comes between."""
    compiled = {}
    for name in names:
        spec = importlib.util.find_spec(name)
        compiled[name] = spec.origin, marshal.dumps(spec.loader.get_code(name))
    fill()
    loader = _Loader(compiled)
    sys.meta_path.insert(0, loader)
    for name in names:
        importlib.import_module(name)
    sys.meta_path.remove(loader)
