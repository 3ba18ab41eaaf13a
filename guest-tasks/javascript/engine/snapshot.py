"""Makes the guest begin where `prepare` leaves it: `snapshot.py MODULE SNAPSHOT`.

The module is a component around one core module that has a memory, which is all that
`prepare` changes: it has returned, so the stack pointer is where it was; and neither C nor
Rust changes a table. So the snapshot is the component with another memory: the core module
gets the memory's contents as its data. Equal modules have equal snapshots, since `prepare`
runs with a host that answers nothing but what `ANSWERS` says, always in the same way.

`cargo xtask guests` runs this by the Python of the virtual environment that has zig and
wasmtime.
"""

import pathlib
import re
import sys

import wasmtime

PREPARE = "sandpool:script/script@0.1.0#prepare"

# The imports that `prepare` may call, with the number of bytes that each writes where it
# is told, or none if it returns a number; all of them are zero. None of them lasts: the
# first call of a task draws the seeds and the time anew (`src/engine.rs`), and Rust's seed
# is for maps whose keys no snippet chooses.
ANSWERS = {
    ("wasi:random/insecure-seed", "insecure-seed"): 16,
    ("wasi:clocks/wall-clock", "now"): 16,
    ("wasi:clocks/monotonic-clock", "now"): None,
}

CUSTOM, MEMORY, GLOBAL, DATA, DATA_COUNT = 0, 5, 6, 11, 12
CORE_MODULE = 1  # in a component
PAGE = 65536


def number(data: bytes, at: int) -> tuple[int, int]:
    """Reads an unsigned LEB128; returns it, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def unsigned(value: int) -> bytes:
    text = bytearray()
    while value >= 0x80:
        text.append(value & 0x7F | 0x80)
        value >>= 7
    text.append(value)
    return bytes(text)


def signed(value: int) -> bytes:
    text = bytearray()
    while not -0x40 <= value < 0x40:
        text.append(value & 0x7F | 0x80)
        value >>= 7
    text.append(value & 0x7F)
    return bytes(text)


def sections(binary: bytes) -> list[tuple[int, bytes]]:
    """Returns the sections of a module or a component: kind and contents."""
    found = []
    at = 8
    while at < len(binary):
        size, start = number(binary, at + 1)
        found.append((binary[at], binary[start : start + size]))
        at = start + size
    return found


def written(header: bytes, parts: list[tuple[int, bytes]]) -> bytes:
    return header + b"".join(bytes([kind]) + unsigned(len(part)) + part for kind, part in parts)


def prepared(core: bytes) -> tuple[bytes, int]:
    """Runs `prepare`; returns the memory afterwards, and where the stack ends in it."""
    config = wasmtime.Config()
    config.cranelift_opt_level = "none"
    engine = wasmtime.Engine(config)
    module = wasmtime.Module(engine, core)
    store = wasmtime.Store(engine)
    memory = None

    def answer(interface: str, name: str):
        def called(*words):
            known = (interface.split("@")[0], name)
            if known not in ANSWERS:
                raise RuntimeError(f"`prepare` calls `{interface}` `{name}` of its host")
            if ANSWERS[known] is None:
                return 0
            memory.write(store, bytes(ANSWERS[known]), words[-1])

        return called

    imports = [
        wasmtime.Func(store, wanted.type, answer(wanted.module, wanted.name))
        for wanted in module.imports
    ]
    exports = wasmtime.Instance(store, module, imports).exports(store)
    memory = exports["memory"]
    exports[PREPARE](store)
    return bytes(memory.read(store)), memory.data_len(store)


def stack(section: bytes) -> int:
    """Returns where the stack begins that grows down to zero: the value of the only global
    that changes."""
    count, at = number(section, 0)
    top = None
    for _ in range(count):
        kind, mutable, constant = section[at : at + 3]
        if kind != 0x7F or constant != 0x41:
            raise ValueError("it has a global that is no number of 32 bits")
        value, at = number(section, at + 3)
        if section[at] != 0x0B:
            raise ValueError("it has a global that is computed")
        at += 1
        if mutable:
            if top is not None:
                raise ValueError("it has two globals that change")
            top = value
    return top


def snapshot(core: bytes) -> bytes:
    memory, size = prepared(core)
    parts = sections(core)
    top = stack(next(part for kind, part in parts if kind == GLOBAL))
    # A run of bytes for each segment, which takes about as many itself as a run may have
    # zeros inside. What lies below the stack's top is garbage.
    runs = re.finditer(rb"[^\0]+(?:\0{1,8}[^\0]+)*", memory[top:])
    segments = [
        b"\0\x41" + signed(top + run.start()) + b"\x0b" + unsigned(len(run[0])) + run[0]
        for run in runs
    ]
    changed = {
        MEMORY: b"\1\0" + unsigned(size // PAGE),
        DATA: unsigned(len(segments)) + b"".join(segments),
        DATA_COUNT: unsigned(len(segments)),
    }
    return written(core[:8], [(kind, changed.get(kind, part)) for kind, part in parts])


def main(module: str, target: str) -> None:
    component = pathlib.Path(module).read_bytes()
    parts = sections(component)
    main = next(number for number, (kind, _) in enumerate(parts) if kind == CORE_MODULE)
    parts[main] = CORE_MODULE, snapshot(parts[main][1])
    pathlib.Path(target).write_bytes(written(component[:8], parts))


try:
    main(*sys.argv[1:])
except (RuntimeError, ValueError, wasmtime.WasmtimeError, wasmtime.Trap) as error:
    sys.exit(f"no snapshot can be taken of `{sys.argv[1]}`: {error}")
