"""Compiles and runs snippets. Their names live in `__main__`, from one to the next."""

import builtins

__builtins__ = dict(vars(builtins))

import ast
import inspect
import random
import sys
import types

from . import event_loop, failures, modules, output, tools, values

_FILE = "<snippet>"
_names = sys.modules["__main__"].__dict__
_FUNCTION = "__snippet__"
_count = 0
_fresh = True


class Leave(BaseException):
    """The snippet asked for the end of the task, with this exit code."""

    def __init__(self, code):
        self.code = code


def evaluate(source, input_text):
    """Runs a snippet and returns its value as text."""
    _begin()
    if input_text is not None:
        try:
            _names["input"] = values.decode(input_text, _names.get)
        except ValueError as e:
            raise ValueError(f"`input` cannot be read: {e}") from None
    else:
        _names.setdefault("input", None)
    value = _run(source)
    text = values.encode(value)
    if value is not None:
        builtins._ = value
    return text


def call(name, arguments_text):
    """Calls a function that earlier code defined, and returns its value as text."""
    _begin()
    arguments = values.decode(arguments_text, _names.get)
    function = _find(name)
    if isinstance(arguments, dict):
        value = function(**arguments)
    elif isinstance(arguments, (list, tuple)):
        value = function(*arguments)
    else:
        raise TypeError("arguments are a list, or an object of keyword arguments")
    return values.encode(_awaited(value))


def define(name, source):
    """Defines a module of text."""
    _begin()
    modules.define(name, source)


def _begin():
    """What each call does first."""
    global _fresh
    if _fresh:
        # The snapshot froze the state of the generator, for all instances alike.
        random.seed()
        _fresh = False
    tools.forget()


def _find(name):
    first, *rest = name.split(".")
    if first in _names:
        found = _names[first]
    elif rest:
        found = __import__(first)
    else:
        raise NameError(f"no function `{name}` is defined", name=name)
    for part in rest:
        found = getattr(found, part)
    return found


def _awaited(value):
    return event_loop.run(_wait(value)) if inspect.isawaitable(value) else value


async def _wait(awaitable):
    return await awaitable


# ---------------------------------------------------------------- compiling


def _run(source):
    global _count
    _count += 1
    file = _FILE if _count == 1 else f"<snippet {_count}>"
    failures.remember(file, source)
    tree = ast.parse(source, file)
    scope = _Scope()
    for statement in tree.body:
        scope.visit(statement)
    if scope.returns or scope.awaits:
        value = _run_as_function(tree, scope, file)
    else:
        value = _run_as_module(tree, file)
    value = _awaited(value)
    if value is None and "result" in scope.names:
        value = _names.get("result")
    return value


def _run_as_module(tree, file):
    *_, last = tree.body or [None]
    if not isinstance(last, ast.Expr):
        exec(compile(tree, file, "exec", dont_inherit=True), _names)
        return None
    tree.body.pop()
    code = compile(tree, file, "exec", dont_inherit=True)
    expression = compile(
        ast.Expression(last.value),
        file,
        "eval",
        flags=code.co_flags & _FUTURES,
        dont_inherit=True,
    )
    if tree.body:
        exec(code, _names)
    return eval(expression, _names)


_FUTURES = 0
for _feature in ("annotations",):
    import __future__

    _FUTURES |= getattr(__future__, _feature).compiler_flag


def _run_as_function(tree, scope, file):
    """Runs a snippet that returns or awaits at its outermost level: as a function all of
    whose names are global."""
    ahead, body = [], []
    for statement in tree.body:
        (ahead if _belongs_ahead(statement) else body).append(statement)
    if body and isinstance(body[-1], ast.Expr):
        body[-1] = ast.copy_location(ast.Return(body[-1].value), body[-1])
    body = [_Unannotated().visit(statement) for statement in body]
    if scope.names:
        body.insert(0, ast.Global(sorted(scope.names)))
    template = "async def f(): pass" if scope.awaits else "def f(): pass"
    function = ast.parse(template).body[0]
    function.name = _FUNCTION
    function.body = body
    tree.body = [*ahead, function]
    code = compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True)
    inner = next(c for c in code.co_consts if inspect.iscode(c) and c.co_name == _FUNCTION)
    inner = inner.replace(co_name="<module>", co_qualname="<module>")
    exec(code, _names)
    _names.pop(_FUNCTION, None)
    return types.FunctionType(inner, _names)()


def _belongs_ahead(statement):
    return isinstance(statement, ast.ImportFrom) and (
        statement.module == "__future__" or statement.names[0].name == "*"
    )


class _Scope(ast.NodeVisitor):
    """What a snippet does at its outermost level: names that it binds, and whether it
    returns or awaits there."""

    def __init__(self):
        self.names = set()
        self.returns = self.awaits = False

    def visit_Name(self, node):
        if not isinstance(node.ctx, ast.Load):
            self.names.add(node.id)

    def _visit_definition(self, node):
        self.names.add(node.name)
        for outside in node.decorator_list:
            self.visit(outside)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _visit_definition

    def visit_Lambda(self, node):
        pass

    def _visit_comprehension(self, node):
        # Its own variables stay inside; only := reaches out.
        before = set(self.names)
        self.generic_visit(node)
        walrus = {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
        self.names = before | walrus
        if any(part.is_async for part in node.generators):
            self.awaits = self.awaits or not isinstance(node, ast.GeneratorExp)

    visit_ListComp = visit_SetComp = visit_DictComp = _visit_comprehension
    visit_GeneratorExp = _visit_comprehension

    def _visit_import(self, node):
        for alias in node.names:
            if alias.name != "*":
                self.names.add(alias.asname or alias.name.partition(".")[0])

    visit_Import = visit_ImportFrom = _visit_import

    def visit_ExceptHandler(self, node):
        if node.name:
            self.names.add(node.name)
        self.generic_visit(node)

    def _visit_pattern(self, node):
        if node.name:
            self.names.add(node.name)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = _visit_pattern

    def visit_MatchMapping(self, node):
        if node.rest:
            self.names.add(node.rest)
        self.generic_visit(node)

    def visit_Return(self, node):
        self.returns = True
        self.generic_visit(node)

    def _visit_await(self, node):
        self.awaits = True
        self.generic_visit(node)

    visit_Await = visit_AsyncFor = visit_AsyncWith = _visit_await


class _Unannotated(ast.NodeTransformer):
    """A global name cannot be annotated inside a function."""

    def _skip(self, node):
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _skip

    def visit_AnnAssign(self, node):
        if not isinstance(node.target, ast.Name):
            return node
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def install():
    """Makes `__main__` the snippets' own module, with nothing in it."""
    global _count, _fresh
    for name in [n for n in _names if not n.startswith("__")]:
        del _names[name]
    _names.update(__name__="__main__", __builtins__=builtins, __doc__=None)
    _names.pop("__file__", None)
    vars(builtins).pop("_", None)
    _count = 0
    _fresh = True
