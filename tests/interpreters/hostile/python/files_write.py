# verdict: error
# error: not available in this sandbox
import pathlib

pathlib.Path("/tmp/x").write_text("x")
