import io
import logging
import warnings

stream = io.StringIO()
handler = logging.StreamHandler(stream)
handler.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
log = logging.getLogger("app.db")
log.addHandler(handler)
log.setLevel(logging.INFO)
log.propagate = False
log.debug("hidden")
log.warning("disk %d%%", 90)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    warnings.warn("old", DeprecationWarning)
[stream.getvalue().splitlines()[:3], stream.getvalue().splitlines()[-1], [str(w.message) for w in caught]]
