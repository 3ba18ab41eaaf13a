"""The module `tools`: the functions that the host gave to this task."""

import builtins

__builtins__ = dict(vars(builtins))

import inspect
import json
import keyword
import sys
import types

from componentize_py_types import Err
from wit_world.imports import host

from . import output, values


class ToolError(Exception):
    """A tool failed, or is not granted. The text is the host's."""


class _Tools(types.ModuleType):
    """Functions of the host, looked up when they are used: each task has its own."""

    __file__ = "<tools>"
    __path__ = ()

    def __getattr__(self, name):
        if name == "__all__":
            return [*_functions()]
        if name.startswith("__"):
            raise AttributeError(name)
        functions = _functions()
        if name in functions:
            return functions[name]
        raise AttributeError(
            f"no tool `{name}` was given to this task: "
            + (f"there are {', '.join(functions)}" if functions else "there are none")
        )

    def __dir__(self):
        return ["ToolError", *_functions()]


class _ToolFinder:
    """Makes `from tools import NAME` say which tools there are."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.startswith("tools.") and sys.modules.get("tools") is MODULE:
            try:
                getattr(MODULE, name[len("tools."):])
            except AttributeError as e:
                raise ImportError(str(e), name=name) from None
        return None


_known = None


def forget():
    """Looks the tools up anew at their next use."""
    global _known
    _known = None


def _functions():
    global _known
    if _known is None:
        _known = {_identifier(tool.name): _function(tool) for tool in host.tools()}
    return _known


def _identifier(name):
    word = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
    if word[:1].isdigit():
        word = "_" + word
    return word + "_" if keyword.iskeyword(word) else word


def _function(tool):
    schema = _schema(tool)
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    # Positions are of the order of the schema, those that are required first, as in Python.
    required = [n for n in schema.get("required") or () if n in properties]
    names = required + [n for n in properties if n not in required]

    def function(*args, **kwargs):
        arguments = _arguments(function.__name__, names, properties, args, kwargs)
        for name in required:
            if name not in arguments:
                raise TypeError(f"{function.__name__}() missing the argument '{name}'")
        return _call(tool.name, arguments)

    function.__name__ = function.__qualname__ = _identifier(tool.name)
    function.__module__ = "tools"
    function.__doc__ = _doc(tool, names, required, properties)
    if names and all(n.isidentifier() and not keyword.iskeyword(n) for n in names):
        function.__signature__ = _signature(names, required, properties)
    return function


def _schema(tool):
    try:
        schema = json.loads(tool.schema) if tool.schema else {}
    except ValueError:
        schema = {}
    return schema if isinstance(schema, dict) else {}


_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict", "null": "None"}


def _type_name(schema):
    kind = schema.get("type") if isinstance(schema, dict) else None
    kinds = kind if isinstance(kind, list) else [kind]
    return " | ".join(_TYPES.get(k, "object") for k in kinds if k) or "object"


def _signature(names, required, properties):
    parameters = []
    for name in names:
        schema = properties[name]
        default = inspect.Parameter.empty
        if name not in required:
            default = schema.get("default") if isinstance(schema, dict) else None
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=default,
                annotation=_type_name(schema),
            )
        )
    return inspect.Signature(parameters)


def _doc(tool, names, required, properties):
    lines = [tool.description or f"The host's tool `{tool.name}`."]
    if names:
        lines += ["", "Arguments:"]
    for name in names:
        schema = properties[name] if isinstance(properties[name], dict) else {}
        text = f"  {name} ({_type_name(schema)}{'' if name in required else ', optional'})"
        if schema.get("description"):
            text += f": {schema['description']}"
        lines.append(text)
    return "\n".join(lines)


def _arguments(function, names, properties, args, kwargs):
    """Returns what is sent: an object of names where the tool has names."""
    if len(args) == 1 and not kwargs and isinstance(args[0], dict) and _is_object(args[0], names, properties):
        return args[0]
    if not names:
        if args and kwargs:
            raise TypeError(f"{function}() takes positional or keyword arguments, not both")
        return kwargs if kwargs or not args else list(args)
    if len(args) > len(names):
        raise TypeError(f"{function}() takes {len(names)} arguments ({', '.join(names)}), not {len(args)}")
    given = dict(zip(names, args))
    for name, value in kwargs.items():
        if name in given:
            raise TypeError(f"{function}() got multiple values for argument '{name}'")
        given[name] = value
    return given


def _is_object(argument, names, properties):
    """Returns whether a single dict is all arguments, as in `search({"q": "x"})`."""
    if not names:
        return True
    first = properties[names[0]]
    takes_object = isinstance(first, dict) and first.get("type") in ("object", None)
    return not takes_object and bool(argument) and all(key in properties for key in argument)


def _call(name, arguments):
    text = values.encode(arguments)
    output.flush()
    try:
        answer = host.call(name, text)
    except Err as e:
        message = e.value
    else:
        return values.decode(answer)
    raise ToolError(message)


MODULE = _Tools("tools", "The functions that the host gave to this task.")
MODULE.ToolError = ToolError
ToolError.__module__ = "tools"


def install():
    sys.modules["tools"] = MODULE
    sys.meta_path.insert(0, _ToolFinder)
