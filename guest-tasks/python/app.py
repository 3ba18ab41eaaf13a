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
from sandpool_guest import heap, library

library.load()
heap.import_side_by_side(
    f"sandpool_guest.{name}"
    for name in (
        "code event_loop failures files interrupts modules output refusals requests script snippets "
        "tools values warm_up"
    ).split()
)

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
from sandpool_guest.script import Script, answer

for part in (output, failures, files, event_loop, requests, refusals, tools, modules, snippets):
    part.install()

sys.path[:] = []
sys.path_importer_cache.clear()

warm_up.run(answer, snippets, Err)
modules.forget()
snippets.install()
linecache.clearcache()
heap.fill()
warm_up.run_again(answer, snippets)
interrupts.forget()
# No `gc.freeze()`: the incremental collector of CPython 3.14 then looks at everything alive
# at every step, and 600,000 small lists take 9 s in place of 0.4 s. A high threshold keeps
# it away from the snapshot's pages while a snippet is small.
gc.set_threshold(20_000)
