import ast
import inspect


def sample(a, b=2, *args, c, d: int = 4, **kwargs):
    """Doc."""
    return a + b


class Visitor(ast.NodeVisitor):
    def __init__(self):
        self.names = []

    def visit_Name(self, node):
        self.names.append(node.id)


visitor = Visitor()
visitor.visit(ast.parse("x = y + f(z)"))
[
    str(inspect.signature(sample)), inspect.getdoc(sample), [p.kind.name for p in inspect.signature(sample).parameters.values()],
    visitor.names, ast.literal_eval("{'a': [1, (2, None)]}"), ast.unparse(ast.parse("a+ b *(c)")), eval("1 + 2 * 3"),
    inspect.isgeneratorfunction(sample), sample.__code__.co_varnames[:2], sample.__defaults__, sample.__kwdefaults__,
]
