class AppError(Exception):
    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def load(text):
    try:
        return int(text)
    except ValueError as e:
        raise AppError(f"cannot load {text!r}", 7) from e


out = []
try:
    load("abc")
except AppError as e:
    out = [str(e), e.code, type(e.__cause__).__name__, e.args, e.__suppress_context__]
try:
    try:
        {}["k"]
    finally:
        out.append("finally")
except LookupError as e:
    out += [repr(e), e.__context__ is None]
try:
    raise ValueError("a") from None
except ValueError as e:
    out.append(e.__suppress_context__)
out
