"""Runs snippets in the Python that runs this file, as the guest `python` runs them in the
sandbox: each file of the command line in a process of its own. Prints a line for each, the
value as JSON text, in the same order; `null` and a line on stderr for one that failed."""

import asyncio
import os
import pathlib
import subprocess
import sys
import traceback

GUEST = pathlib.Path(__file__).resolve().parents[2] / "guest-tasks/python"


def run(file):
    sys.path.insert(0, str(GUEST))
    sys.dont_write_bytecode = True
    from sandpool_guest import code, values

    async def wait(awaitable):
        return await awaitable

    names = sys.modules["__main__"].__dict__
    names["input"] = None
    source = pathlib.Path(file).read_text(encoding="utf-8")
    with open(os.devnull, "w") as nowhere:
        stdout, sys.stdout = sys.stdout, nowhere
        try:
            value = code.run(source, "<snippet>", names, lambda a: asyncio.run(wait(a)))
        finally:
            sys.stdout = stdout
    print(values.encode(value))


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        run(sys.argv[2])
    else:
        for each in sys.argv[1:]:
            command = [sys.executable, __file__, "--one", each]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60)
            print(done.stdout.strip() if done.returncode == 0 else "null", flush=True)
