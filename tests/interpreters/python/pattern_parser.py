import re
from dataclasses import dataclass

TOKEN = re.compile(r"\s*(?:(\d+\.?\d*)|(.))")


@dataclass
class Number:
    value: float


@dataclass
class Binary:
    op: str
    left: object
    right: object


def tokenize(text):
    return [("num", float(n)) if n else ("op", o) for n, o in TOKEN.findall(text) if n or o.strip()] + [("end", "")]


class Parser:
    PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 3}

    def __init__(self, text):
        self.tokens = tokenize(text)
        self.at = 0

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def atom(self):
        kind, value = self.next()
        if kind == "num":
            return Number(value)
        if value == "(":
            inner = self.expression()
            self.next()
            return inner
        if value == "-":
            return Binary("*", Number(-1), self.atom())
        raise SyntaxError(value)

    def expression(self, least=0):
        left = self.atom()
        while self.PRECEDENCE.get(self.tokens[self.at][1], -1) > least - 0.5 and self.PRECEDENCE.get(self.tokens[self.at][1], -1) >= least:
            op = self.next()[1]
            p = self.PRECEDENCE[op]
            left = Binary(op, left, self.expression(p if op == "^" else p + 1))
        return left


def evaluate(tree):
    match tree:
        case Number(v):
            return v
        case Binary(op, l, r):
            a, b = evaluate(l), evaluate(r)
            return {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else 0, "^": a**b}[op]


[evaluate(Parser(t).expression()) for t in ("1+2*3", "(1+2)*3", "2^3^2", "-4/2", "10-3-2")]
