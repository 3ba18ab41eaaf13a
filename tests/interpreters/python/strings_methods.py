s = "Hello, World"
[
    s.lower().count("l"), s.partition(", "), s.rsplit(maxsplit=1), s.swapcase(), s.center(20, "*"),
    s.translate(str.maketrans("lo", "01", "H")), s.find("z"), s.startswith(("x", "He")), s[::-2], s[-5:],
    "a,b,,c".split(","), " x ".strip(), "xxabxx".strip("x"), "test.py".removesuffix(".py"), "12".zfill(5),
    "-".join(map(str, range(3))), "Ab1".isalnum(), "title case here".title(), "line1\r\nline2\n".splitlines(True),
    "abc" < "abd", "abc" * 2, "b" in "abc", ord("a"), chr(0x1F600), ascii("é"), "%r" % "it's", "tab\t'q'\\".encode("unicode_escape"),
    repr("it's \"x\""), "a-b_c".replace("-", "_", 1), "{}".format(None), "x".join([]), "ab".ljust(4) + "|",
]
