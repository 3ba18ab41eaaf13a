"""Compiles and runs a snippet in a namespace, and finds its value.

This file needs nothing but the standard library and runs in any Python from 3.11 on: the
tests compare the interpreter in the sandbox with a native one through it.
"""

import builtins

__builtins__ = dict(vars(builtins))

import __future__
import ast
import inspect
import types

_FUNCTION = "__snippet__"


def run(source, file, names, run_awaitable):
    """Runs a snippet whose global names are `names`, and returns its value: that of its
    last expression or `return`, or else that of the variable `result`, if it sets one."""
    return compiled(source, file).run(names, run_awaitable)


def compiled(source, file):
    """Compiles a snippet, which may then run any number of times."""
    try:
        expression = compile(source, file, "eval", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        # Not from here, where it would be the context of the snippet's own exceptions.
        expression = None
    if expression is not None:
        # Most cheap snippets are only an expression, which needs no syntax tree of ours.
        return _Snippet(None, expression)
    tree = compile(source, file, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    scope = _Scope()
    for statement in tree.body:
        scope.visit(statement)
    snippet = _Snippet(None, None)
    snippet.has_result = "result" in scope.names
    snippet.has_main = _defines_main(tree) and not _uses(tree, "input")
    if scope.returns or scope.awaits:
        snippet.statements, snippet.value = _as_function(tree, scope, file)
    else:
        snippet.statements, snippet.value = _as_module(tree, file)
    return snippet


class _Snippet:
    """The code of a snippet: statements, and an expression or a function of no arguments
    that has the value, each where it is there."""

    def __init__(self, statements, value):
        self.statements = statements
        self.value = value
        self.has_result = False
        # True if it defines a function `main` that has a parameter, and does not use
        # `input` outside of functions.
        self.has_main = False

    def run(self, names, run_awaitable):
        if self.statements is not None:
            exec(self.statements, names)
        value = None
        if self.value is not None and self.value.co_flags & inspect.CO_OPTIMIZED:
            names.pop(_FUNCTION, None)
            value = types.FunctionType(self.value, names)()
        elif self.value is not None:
            value = eval(self.value, names)
        if hasattr(type(value), "__await__"):
            value = run_awaitable(value)
        if value is None and self.has_result:
            value = names.get("result")
        return value


def _defines_main(tree):
    functions = (s for s in tree.body if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef)))
    mains = [f.args for f in functions if f.name == "main"]
    return any(args.posonlyargs or args.args or args.vararg for args in mains[-1:])


def _uses(node, name):
    """Returns whether code uses a name outside of the bodies of functions."""
    if isinstance(node, ast.Name):
        return node.id == name
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        inner = [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults]
    elif isinstance(node, ast.Lambda):
        inner = [*node.args.defaults, *node.args.kw_defaults]
    else:
        inner = _children(node)
    return any(each is not None and _uses(each, name) for each in inner)


def _as_module(tree, file):
    *_, last = tree.body or [None]
    if not isinstance(last, ast.Expr):
        return compile(tree, file, "exec", dont_inherit=True), None
    tree.body.pop()
    code = compile(tree, file, "exec", dont_inherit=True)
    expression = compile(
        ast.Expression(last.value),
        file,
        "eval",
        flags=code.co_flags & _FUTURES,
        dont_inherit=True,
    )
    return code if tree.body else None, expression


_FUTURES = __future__.annotations.compiler_flag


def _as_function(tree, scope, file):
    """Compiles a snippet that returns or awaits at its outermost level: as a function all
    of whose names are global."""
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
    return code, inner.replace(co_name="<module>", co_qualname="<module>")


def _belongs_ahead(statement):
    return isinstance(statement, ast.ImportFrom) and (
        statement.module == "__future__" or statement.names[0].name == "*"
    )


def _children(node):
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            yield value
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, ast.AST):
                    yield item


class _Scope:
    """What a snippet does at its outermost level: names that it binds, and whether it
    returns or awaits there."""

    def __init__(self):
        self.names = set()
        self.returns = self.awaits = False

    # As in `ast.NodeVisitor`, which looks its builtins up where snippets may patch them.
    def visit(self, node):
        getattr(self, f"visit_{type(node).__name__}", self.generic_visit)(node)

    def generic_visit(self, node):
        for child in _children(node):
            self.visit(child)

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
