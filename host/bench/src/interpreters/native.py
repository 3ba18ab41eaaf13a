# Interpreters of Python and JavaScript that run in this process, or that a package of
# Python's starts. Asked line by line in JSON; started as
# `python3 -c THIS cpython|monty|quickjs`.
import ast
import json
import sys
import time


class Cpython:
    """CPython itself, in this process: `exec` and `eval`, which isolate nothing. Fresh is a
    new dictionary of names."""

    version = sys.version.split()[0]

    def __init__(self):
        self.names = {"kept": {}, "session": {}}

    def run(self, keeping, source, text):
        names = self.names.get(keeping)
        if names is None:
            names = {}
        if text is not None:
            names["input"] = json.loads(text)
        tree = ast.parse(source, "<snippet>")
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "<snippet>", "exec"), names)
        if last is None:
            return "null"
        value = eval(compile(ast.Expression(last.value), "<snippet>", "eval"), names)
        return json.dumps(value)

    def call(self, keeping, function, arguments):
        return json.dumps(self.names[keeping][function](*json.loads(arguments)))


class Monty:
    """pydantic-monty: a pool of worker processes. Fresh is a session that is checked out
    and given back; values go through its own conversion. A function of a session is called
    by a snippet: it knows no other way."""

    call = None

    def __init__(self):
        import pydantic_monty

        self.version = pydantic_monty.__version__
        # A worker for each session that stays open, and one for fresh ones.
        self.pool = pydantic_monty.Monty(max_processes=3).__enter__()
        self.sessions = {
            keeping: self.pool.checkout().__enter__() for keeping in ("kept", "session")
        }

    def run(self, keeping, source, text):
        inputs = None if text is None else {"input": json.loads(text)}
        session = self.sessions.get(keeping)
        if session is not None:
            return json.dumps(session.feed_run(source, inputs=inputs))
        with self.pool.checkout() as session:
            return json.dumps(session.feed_run(source, inputs=inputs))


class Quickjs:
    """The package quickjs: QuickJS in this process. Fresh is a new context."""

    def __init__(self):
        import quickjs
        from importlib.metadata import version

        self.version = version("quickjs")
        self.context = quickjs.Context
        self.contexts = {keeping: quickjs.Context() for keeping in ("kept", "session")}

    def run(self, keeping, source, text):
        context = self.contexts.get(keeping) or self.context()
        if text is not None:
            context.set("input", context.parse_json(text))
        value = context.eval(source)
        return text_of(value)

    def call(self, keeping, function, arguments):
        value = self.contexts[keeping].get(function)(*json.loads(arguments))
        return text_of(value)


def text_of(value):
    return value.json() if hasattr(value, "json") else json.dumps(value)


def line(error):
    text = f"{type(error).__name__}: {error}".strip().splitlines()
    return text[-1] if isinstance(error, SyntaxError) else text[0]


def prepared(interpreter, keeping, setup, source, call, text):
    if setup is not None:
        interpreter.run(keeping, setup, None)
    if call is not None and interpreter.call is not None:
        return lambda: interpreter.call(keeping, *call)
    return lambda: interpreter.run(keeping, source, text)


def measure(run, expected, seconds):
    taken = []
    until = time.perf_counter() + seconds
    while len(taken) < 2 or (time.perf_counter() < until and len(taken) < 20000):
        begin = time.perf_counter()
        value = run()
        taken.append((time.perf_counter() - begin) * 1e6)
        if value != expected:
            raise ValueError("it answers otherwise than at first")
    return {"latencies": taken}


def main():
    try:
        interpreter = {"cpython": Cpython, "monty": Monty, "quickjs": Quickjs}[sys.argv[1]]()
    except ImportError:
        print(json.dumps({"missing": True}), flush=True)
        return
    # The interpreter that this one is a virtual environment of, if it is one.
    program = getattr(sys, "_base_executable", sys.executable)
    print(json.dumps({"version": interpreter.version, "program": program}), flush=True)
    cases = {}
    for request in sys.stdin:
        what, name, *rest = json.loads(request)
        try:
            if what == "prepare":
                run = prepared(interpreter, *rest)
                cases[name] = (run, run())
                answer = {"text": cases[name][1]}
            else:
                answer = measure(*cases[name], *rest)
        except Exception as error:
            answer = {"error": line(error)}
        print(json.dumps(answer), flush=True)


main()
