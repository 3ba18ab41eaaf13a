"""The form in which values of scripts travel: JSON, and an object with one key for each
type that JSON lacks, such as `{"$tuple": [..]}`.

This file needs nothing but the standard library and runs in any Python from 3.11 on: the
tests compare the interpreter in the sandbox with a native one through it.
"""

import builtins

# Functions defined below look their builtins up here, so that a snippet that patches
# `builtins` does not reach them. The other files of this package do the same.
__builtins__ = dict(vars(builtins))

import base64
import binascii
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json.encoder
import math
import pathlib
import re
import sys
import types
import uuid

MAX_DEPTH = 200
"""The number of containers within each other that a value may have."""

_MAX_EXACT = 2**53
_SCALARS = frozenset({bool, type(None), str})
_MAKE_ENCODER = json.encoder.c_make_encoder
_QUOTE = json.encoder.encode_basestring
_QUOTE_ASCII = json.encoder.encode_basestring_ascii


class NoValue(TypeError):
    """A thing that cannot travel: a function, a class, a generator, a circle."""


# ------------------------------------------------------------------ to text


def encode(value):
    """Returns `value` as JSON text. Raises `NoValue`."""
    # Python refuses to print integers of over 4,300 digits unless told otherwise.
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        tree = _plain(value, MAX_DEPTH)
    finally:
        sys.set_int_max_str_digits(digits)
    text = _write(tree, _QUOTE)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            # Half a surrogate pair has no UTF-8, but an escape.
            return _write(tree, _QUOTE_ASCII)
    return text


def _no_default(value):
    raise NoValue(f"no value: {type(value).__name__}")


def _write(tree, quote):
    if type(tree) is str:
        return quote(tree)
    # markers, default, quote, indent, key and item separator, sort, skip, NaN
    encoder = _MAKE_ENCODER(None, _no_default, quote, None, ":", ",", False, False, False)
    return "".join(encoder(tree, 0))


def _plain(value, room):
    """Returns `value` made of JSON's own types only; `value` itself where it is."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is int:
        return value if -_MAX_EXACT <= value <= _MAX_EXACT else {"$int": str(value)}
    if kind is float:
        return value if math.isfinite(value) else {"$float": _special_float(value)}
    if kind is list:
        return _plain_items(value, _inner(room))
    if kind is dict:
        return _plain_dict(value, _inner(room))
    if kind is tuple:
        return {"$tuple": _plain_items(value, _inner(room, 2))}
    return _other(value, room)


def _inner(room, brackets=1):
    """Returns the brackets that are left within so many more."""
    if room < brackets:
        raise NoValue(f"the value is more than {MAX_DEPTH} levels deep, or contains itself")
    return room - brackets


def _plain_items(items, room):
    kinds = set(map(type, items))
    if kinds <= _SCALARS or (
        kinds == {int} and -_MAX_EXACT <= min(items) and max(items) <= _MAX_EXACT
    ):
        return items if type(items) is list else list(items)
    return [_plain(item, room) for item in items]


def _plain_dict(value, room):
    plain = {}
    for key, item in value.items():
        if type(key) is not str or key[:1] == "$":
            return _pairs(value, room)
        kind = type(item)
        plain[key] = item if kind in _SCALARS else _plain(item, room)
    return plain


def _pairs(value, room):
    if all(_is_text(key) and str.__str__(key)[:1] != "$" for key in value):
        return {str.__str__(key): _plain(item, room) for key, item in value.items()}
    room = _inner(room, 2)
    pairs = [
        [str.__str__(key) if _is_text(key) else _plain(key, room), _plain(item, room)]
        for key, item in value.items()
    ]
    return {"$dict": pairs}


def _is_text(key):
    return isinstance(key, str) and not isinstance(key, enum.Enum)


def _special_float(value):
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _other(value, room):
    """Returns the plain form of a value that is not exactly of one of JSON's types."""
    kind = type(value)
    if isinstance(value, enum.Enum):
        return {"$enum": [kind.__name__, value.name if value.name is not None else str(value)]}
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return _plain(int.__index__(value), room)
    if isinstance(value, float):
        return _plain(float.__float__(value), room)
    if isinstance(value, str):
        return str.__str__(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        room = _inner(room, 3)
        fields = {f.name: _plain(getattr(value, f.name), room) for f in dataclasses.fields(value)}
        return {"$object": [kind.__name__, fields]}
    if kind is types.SimpleNamespace:
        return {"$object": ["SimpleNamespace", _plain_items_of(vars(value), _inner(room, 3))]}
    for base, name, form in _FORMS:
        if isinstance(value, base):
            return {name: form(value)}
    if isinstance(value, (set, frozenset)):
        name = "$frozenset" if isinstance(value, frozenset) else "$set"
        return {name: _sorted(_plain_items(list(value), _inner(room, 2)))}
    if isinstance(value, tuple):
        return {"$tuple": _plain_items(tuple(value), _inner(room, 2))}
    if isinstance(value, (list, collections.deque)):
        return _plain_items(list(value), _inner(room))
    if isinstance(value, (dict, collections.ChainMap, types.MappingProxyType)):
        return _plain_dict(dict(value), _inner(room))
    if isinstance(value, (type({}.keys()), type({}.values()), type({}.items()))):
        return _plain_items(list(value), _inner(room))
    raise NoValue(_why_no_value(value))


def _plain_items_of(fields, room):
    return {str(name): _plain(item, room) for name, item in fields.items()}


def _sorted(items):
    """Sets have no order; a fixed one makes equal sets equal texts."""
    if len(set(map(type, items))) == 1 and type(items[0]) in (int, str, float):
        return sorted(items)
    return sorted(items, key=lambda item: _write(item, _QUOTE_ASCII))


def _number(value):
    return value if -_MAX_EXACT <= value <= _MAX_EXACT else {"$int": str(value)}


def _float(value):
    return value if math.isfinite(value) else {"$float": _special_float(value)}


# `datetime` comes before `date`, whose subclass it is.
_FORMS = [
    ((bytes, bytearray, memoryview), "$bytes", lambda v: base64.b64encode(v).decode()),
    (datetime.datetime, "$datetime", lambda v: v.isoformat()),
    (datetime.date, "$date", lambda v: v.isoformat()),
    (datetime.time, "$time", lambda v: v.isoformat()),
    (datetime.timedelta, "$timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    (decimal.Decimal, "$decimal", str),
    (fractions.Fraction, "$fraction", lambda v: [_number(v.numerator), _number(v.denominator)]),
    (complex, "$complex", lambda v: [_float(v.real), _float(v.imag)]),
    (uuid.UUID, "$uuid", str),
    (pathlib.PurePath, "$path", str),
    (range, "$range", lambda v: [_number(v.start), _number(v.stop), _number(v.step)]),
]


def _why_no_value(value):
    kind = type(value)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    named = f" `{name}`" if isinstance(name, str) else ""
    if isinstance(value, type):
        what = f"the class{named}"
    elif isinstance(value, types.GeneratorType):
        what = f"the generator{named}"
    elif isinstance(value, types.ModuleType):
        what = f"the module{named}"
    elif callable(value) and named:
        what = f"the function{named}"
    else:
        what = f"an object of the type `{kind.__qualname__}`"
    hint = "list(..) makes a list of it" if hasattr(kind, "__next__") else (
        "call it, or return what it holds as numbers, text, lists, dicts or dataclasses"
        if callable(value)
        else "return what it holds as numbers, text, lists, dicts or dataclasses"
    )
    return f"{what} is no value that can leave the sandbox: {hint}"


# ---------------------------------------------------------------- from text


def decode(text, find_class=None):
    """Returns the value that `text` describes. Raises `ValueError`.

    `find_class` returns the class of a name for `$object` and `$enum`, or None.
    """
    _check_brackets(text)
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        tree = _DECODER.decode(text)
    finally:
        sys.set_int_max_str_digits(digits)
    if '"$' in text or "\\u0024" in text:
        return _revive(tree, MAX_DEPTH, find_class)
    return tree


_TOO_DEEP = f"the value is more than {MAX_DEPTH} levels deep"


def _no_constant(name):
    raise ValueError(f"`{name}` is not JSON: write {{\"$float\": \"{name}\"}}")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')


def _check_brackets(text):
    """Refuses a text with more brackets within each other than a value may have."""
    if text.count("[") + text.count("{") <= MAX_DEPTH or _nests(text):
        return
    # Brackets within strings may be the reason.
    if not _nests(_STRINGS.sub("", text)):
        raise ValueError(_TOO_DEEP)


def _nests(text):
    brackets = text.encode("ascii", "replace").translate(None, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not fewer:
            return True
        if len(fewer) == len(brackets):
            # Not balanced: no JSON, or brackets within strings.
            return False
        brackets = fewer
    return False


def _revive(tree, room, find_class):
    kind = type(tree)
    if kind is list:
        if room == 0:
            raise ValueError(_TOO_DEEP)
        return [_revive(item, room - 1, find_class) for item in tree]
    if kind is dict:
        if room == 0:
            raise ValueError(_TOO_DEEP)
        if len(tree) == 1:
            (name,) = tree
            if name[:1] == "$":
                return _special(name, tree[name], room, find_class)
        return {key: _revive(item, room - 1, find_class) for key, item in tree.items()}
    return tree


def _special(name, content, room, find_class):
    try:
        if name in _READERS:
            return _READERS[name](_scalar_parts(content))
        inner = room - 1
        if name in _CONTAINERS:
            return _CONTAINERS[name](_revive(item, inner, find_class) for item in _list(content))
        if name == "$dict":
            pairs = [(_list(pair)) for pair in _list(content)]
            return {
                _revive(key, inner, find_class): _revive(item, inner, find_class)
                for key, item in pairs
            }
        if name in ("$enum", "$object"):
            return _of_class(name, content, inner, find_class)
    except ValueError:
        raise
    except Exception as e:
        raise ValueError(f"`{name}` does not take {_short(content)}: {e}") from None
    raise ValueError(f"a value of the kind `{name}` is not known to Python")


def _of_class(name, content, room, find_class):
    class_name, content = _list(content)
    found = find_class(class_name) if find_class else None
    if name == "$enum":
        if isinstance(found, type) and issubclass(found, enum.Enum):
            return found[content]
        raise ValueError(f"there is no enum `{class_name}` here")
    fields = {key: _revive(item, room, find_class) for key, item in content.items()}
    if isinstance(found, type) and dataclasses.is_dataclass(found):
        return found(**fields)
    return types.SimpleNamespace(**fields)


def _list(content):
    if type(content) is not list:
        raise TypeError("it takes a list")
    return content


def _scalar_parts(content):
    """Returns the content with its large integers and special floats read."""
    if type(content) is list:
        return [_scalar_parts(part) if type(part) is dict else part for part in content]
    if type(content) is dict and len(content) == 1:
        (name,) = content
        if name in ("$int", "$float"):
            return _READERS[name](content[name])
    return content


def _short(content):
    text = repr(content)
    return text if len(text) <= 60 else text[:57] + "..."


def _read_int(content):
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return int(content)
    finally:
        sys.set_int_max_str_digits(digits)


def _read_bytes(content):
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as e:
        raise ValueError(f"`$bytes` is no base64: {e}") from None


_CONTAINERS = {"$tuple": tuple, "$set": set, "$frozenset": frozenset}
_READERS = {
    "$bytes": _read_bytes,
    "$int": _read_int,
    "$float": float,
    "$complex": lambda v: complex(*v),
    "$decimal": decimal.Decimal,
    "$fraction": lambda v: fractions.Fraction(*v),
    "$datetime": datetime.datetime.fromisoformat,
    "$date": datetime.date.fromisoformat,
    "$time": datetime.time.fromisoformat,
    "$timedelta": lambda v: datetime.timedelta(*v),
    "$uuid": uuid.UUID,
    "$path": pathlib.Path,
    "$range": lambda v: range(*v),
    "$undefined": lambda v: None,
}
