import contextlib
import io
import sys

buffer = io.StringIO()
with contextlib.redirect_stdout(buffer):
    print("a", 1, None, sep="-", end="!\n")
    print("x" * 70000, flush=True)
    sys.stdout.write("é🐍")
print("to the task's stdout", file=sys.stdout)
[buffer.getvalue()[:9], len(buffer.getvalue()), buffer.getvalue()[-2:]]
