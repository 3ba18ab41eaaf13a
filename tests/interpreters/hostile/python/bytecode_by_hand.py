# verdict: trap
import types

code = (lambda: 0).__code__.replace(co_code=b"\x00\x00" + b"\x1e\x00" * 100000, co_stacksize=1)
for _ in range(100):
    types.FunctionType(code, {})()
