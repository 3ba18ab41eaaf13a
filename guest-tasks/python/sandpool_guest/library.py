"""The standard library, as far as it goes into the snapshot: what is not imported here is
not there when a snippet runs."""

import builtins

__builtins__ = dict(vars(builtins))

import encodings
import importlib
import importlib.resources
import io
import pkgutil
import sys
import zoneinfo
import zoneinfo._common

MODULES = """
__future__ _ast_unparse _colorize _pylong _strptime _suggestions _sysconfig _threading_local abc argparse array ast asyncio
atexit base64 bdb binascii bisect bz2 calendar cmath cmd code codecs codeop collections
collections.abc colorsys compileall concurrent.futures concurrent.futures.thread configparser
contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib dis doctest
email email.charset email.contentmanager email.encoders email.generator email.header
email.headerregistry email.message email.mime.application email.mime.audio email.mime.base
email.mime.image email.mime.multipart email.mime.text email.parser email.policy
email.quoprimime email.base64mime email.utils enum errno faulthandler filecmp fileinput
fnmatch fractions ftplib functools gc getopt getpass gettext glob graphlib gzip hashlib heapq
hmac html html.entities html.parser http http.client http.cookies http.cookiejar http.server
importlib importlib.abc importlib.metadata importlib.resources importlib.util inspect io
ipaddress itertools json json.tool keyword linecache locale logging logging.config
logging.handlers lzma marshal math mimetypes numbers opcode operator optparse os os.path
pathlib pickle pickletools pkgutil platform plistlib posixpath ntpath pprint profile pstats
queue quopri random re reprlib rlcompleter runpy sched secrets select selectors shelve shlex
shutil signal site smtplib socket socketserver sqlite3 stat statistics string stringprep
string.templatelib struct subprocess symtable sys sysconfig tabnanny tarfile tempfile textwrap
threading time timeit token tokenize tomllib trace traceback tracemalloc types typing
unicodedata unittest unittest.mock urllib.error urllib.parse urllib.request urllib.response
urllib.robotparser uuid warnings wave weakref wsgiref.util xml.dom.minidom xml.etree.ElementTree
xml.parsers.expat xml.sax xml.sax.saxutils xmlrpc.client zipapp zipfile zlib zoneinfo cProfile
compression.zlib compression.gzip compression.bz2 compression.lzma dbm netrc
unittest.async_case unittest._log xml.dom.expatbuilder xml.dom.pulldom xml.sax.expatreader
zoneinfo._zoneinfo importlib.metadata._adapters tomllib._types pydoc
""".split()


def load():
    """Imports the library. Returns the modules that this Python does not have."""
    missing = []
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError as e:
            missing.append(f"{name} ({e})")
    _load_encodings()
    _load_time_zones()
    _fill_gaps()
    return missing


def _fill_gaps():
    """Adds what this build of Python lacks only because it has no OpenSSL."""
    import hashlib
    import hmac

    def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
        inner = hmac.new(password, digestmod=hash_name)
        size = inner.digest_size
        length = size if dklen is None else dklen
        if iterations < 1 or length < 1:
            raise ValueError("iterations and dklen must be greater than 0")
        derived = b""
        for block in range(1, -(-length // size) + 1):
            mac = inner.copy()
            mac.update(salt + block.to_bytes(4, "big"))
            digest = mac.digest()
            total = int.from_bytes(digest, "big")
            for _ in range(iterations - 1):
                mac = inner.copy()
                mac.update(digest)
                digest = mac.digest()
                total ^= int.from_bytes(digest, "big")
            derived += total.to_bytes(size, "big")
        return derived[:length]

    if not hasattr(hashlib, "pbkdf2_hmac"):
        hashlib.pbkdf2_hmac = pbkdf2_hmac


def _load_encodings():
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name in ("mbcs", "oem", "cp65001"):
            continue  # Windows
        try:
            importlib.import_module(f"encodings.{module.name}")
            "".encode(module.name)
        except (LookupError, ImportError, ValueError):
            pass  # from bytes to bytes; `bz2` is not in this Python


def _load_time_zones():
    """Keeps the data of all time zones (PyPI's `tzdata`), since there are no files."""
    data = {}
    names = importlib.resources.files("tzdata").joinpath("zones").read_text().split()
    for name in names:
        path = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
        data[name] = path.read_bytes()
    unique = {}
    data = {name: unique.setdefault(content, content) for name, content in data.items()}

    def load_tzdata(key):
        if key not in data:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
        return io.BytesIO(data[key])

    zoneinfo.reset_tzpath(to=[])
    zoneinfo._common.load_tzdata = load_tzdata
    zoneinfo.available_timezones = zoneinfo._tzpath.available_timezones = lambda: set(data)
    for name in [m for m in sys.modules if m.partition(".")[0] == "tzdata"]:
        del sys.modules[name]
