"""The C compiler that builds QuickJS for wasm: zig's, with the changes of `changes.py`.

rquickjs-sys copies QuickJS's sources into a folder of its build and compiles them there.
`quickjs.c` is compiled changed: each change replaces one place, which has to be there, so
another version of QuickJS stops the build instead of losing a change; and `extra.c` is
added to its end, where it sees what `quickjs.c` keeps to itself.

`cargo xtask guests` runs this by the Python of the virtual environment that has zig.
"""

import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from changes import CHANGES, PATTERNS, REGEXP_CHANGES  # noqa: E402

# Takes so many bytes of the stack, and does nothing with them.
FRAME = """#define SANDPOOL_FRAME(size) \\
    char sandpool_frame[size]; \\
    __asm__ volatile("" :: "r"(sandpool_frame) : "memory")
"""
HERE = pathlib.Path(__file__).resolve().parent
# Flags that keep out zig's additions to debug builds, and the instructions that a module
# with a snapshot may not have.
FLAGS = ["-target", "wasm32-wasi", "-fno-sanitize=all"]


def changed(source: pathlib.Path, changes: list) -> pathlib.Path:
    """Writes the changed source beside the given one, and returns its path."""
    text = source.read_text()
    for name, old, new, *places in changes:
        if text.count(old) != (places[0] if places else 1):
            sys.exit(f"cc.py: change `{name}` fits {text.count(old)} places of `{source}`")
        text = text.replace(old, new)
    text = FRAME + text
    if source.name == "quickjs.c":
        for pattern, new, places in PATTERNS:
            text, count = re.subn(pattern, new, text)
            if count != places:
                sys.exit(f"cc.py: `{pattern}` fits {count} places of `{source}`")
        text += "\n" + (HERE / "extra.c").read_text()
    target = source.with_name(f"{source.stem}-changed.c")
    target.write_text(text)
    return target


def main() -> int:
    arguments = []
    for argument in sys.argv[1:]:
        if argument.startswith("--target="):
            continue
        path = pathlib.Path(argument)
        if path.name == "quickjs.c":
            argument = str(changed(path, CHANGES))
        elif path.name == "libregexp.c":
            argument = str(changed(path, REGEXP_CHANGES))
        arguments.append(argument)
    return subprocess.call([sys.executable, "-m", "ziglang", "cc", *FLAGS, *arguments])


sys.exit(main())
