import re

pattern = re.compile(
    r"""
    ^(?P<key>[a-z_]\w*)   # the key
    \s*=\s*
    (?P<value>.*?)\s*$    # the value
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
config = "Name = Ada\nage=36  \n# no\n_x = "
[
    dict(m.groups() for m in pattern.finditer(config)),
    re.findall(r"\bПривет\b", "Привет мир", re.I),
    re.sub(r"(?i)HELLO", "bye", "Hello hello"),
    re.search(r"a.b", "a\nb", re.S) is not None,
    re.escape("a+b"),
    re.subn("x", "y", "xxz"),
    re.compile(r"(\w)\1").search("hello").span(),
]
