"""The standard library, as far as it goes into the snapshot: what is not imported here is
not there when a snippet runs."""

import builtins

__builtins__ = dict(vars(builtins))

import encodings
import hashlib
import hmac
import importlib
import importlib.resources
import io
import pkgutil
import sys
import zoneinfo
import zoneinfo._common

MODULES = """
__future__ _ast_unparse _colorize _pylong _strptime _suggestions _sysconfig _threading_local
abc argparse array ast asyncio atexit base64 bdb binascii bisect calendar cmath cmd code
codecs codeop collections collections.abc colorsys compileall compression.gzip
compression.zlib concurrent.futures concurrent.futures.thread configparser contextlib
contextvars copy copyreg cProfile csv dataclasses datetime dbm decimal difflib dis doctest
email email.base64mime email.charset email.contentmanager email.encoders email.generator
email.header email.headerregistry email.message email.mime.application email.mime.audio
email.mime.base email.mime.image email.mime.multipart email.mime.text email.parser
email.policy email.quoprimime email.utils enum errno faulthandler filecmp fileinput fnmatch
fractions ftplib functools gc getopt getpass gettext glob graphlib gzip hashlib heapq hmac
html html.entities html.parser http http.client http.cookiejar http.cookies http.server
importlib importlib.abc importlib.metadata importlib.metadata._adapters importlib.resources
importlib.util inspect io ipaddress itertools json json.tool keyword linecache locale logging
logging.config logging.handlers marshal math mimetypes netrc ntpath numbers opcode operator
optparse os os.path pathlib pickle pickletools pkgutil platform plistlib posixpath pprint
profile pstats pydoc queue quopri random re reprlib rlcompleter runpy sched secrets select
selectors shelve shlex shutil signal site smtplib socket socketserver sqlite3 stat statistics
string string.templatelib stringprep struct subprocess symtable sys sysconfig tabnanny tarfile
tempfile textwrap threading time timeit token tokenize tomllib tomllib._types trace traceback
tracemalloc types typing unicodedata unittest unittest._log unittest.async_case unittest.mock
urllib.error urllib.parse urllib.request urllib.response urllib.robotparser uuid warnings wave
weakref wsgiref.util xml.dom.expatbuilder xml.dom.minidom xml.dom.pulldom
xml.etree.ElementTree xml.parsers.expat xml.sax xml.sax.expatreader xml.sax.saxutils
xmlrpc.client zipapp zipfile zlib zoneinfo zoneinfo._zoneinfo
""".split()


def load():
    """Imports the library. Fails if a module is not in this Python: the build should."""
    for name in MODULES:
        importlib.import_module(name)
    _load_encodings()
    _load_time_zones()
    _fill_gaps()


def _fill_gaps():
    """Adds what this build of Python lacks only because it has no OpenSSL."""
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
