import string
import textwrap

text = "The quick brown fox jumps over the lazy dog and runs away from the bear."
[
    string.Template("$who likes ${what}s for $$5").substitute(who="Tim", what="apple"),
    string.Template("$a $b").safe_substitute(a=1),
    textwrap.wrap(text, 30),
    textwrap.fill(text, 40, initial_indent="* ", subsequent_indent="  "),
    textwrap.dedent("    a\n      b\n    c"),
    textwrap.shorten(text, 25, placeholder="..."),
    textwrap.indent("x\ny", "> "),
    string.capwords("hello wide world"),
    list(string.Formatter().parse("a{b!r:>3}c")),
]
