# verdict: error
# error: no tool
import tools

for name in ("__class__", "x", "call", "\ud800"):
    getattr(tools, name)
