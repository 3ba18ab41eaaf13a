import traceback


def fail():
    raise RuntimeError("deep")


try:
    fail()
except RuntimeError as e:
    last = traceback.extract_tb(e.__traceback__)[-1]
    text = "".join(traceback.format_exception_only(e)).strip()
result = [last.name, last.lineno, text]
