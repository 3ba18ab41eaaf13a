name, value, items = "Ada", 1234567.891, ["a", "b"]
[
    f"{name:>10}|{name:<6}|{name:^7}|",
    f"{value:,.2f} {value:e} {value:.3g} {int(value):_d}",
    f"{255:#x} {255:08b} {255:o} {-5:+d} {0.256:.1%}",
    f"{name!r} {items!s} {name=}",
    "{0}-{1}-{0} {k[x]} {o.real}".format(1, 2, k={"x": 3}, o=5),
    "%s is %05.1f%% of %-5d|" % (name, 12.345, 42),
    f"{'nested ' + f'{name.lower()}'} {{braces}}",
    "{:{width}.{prec}f}".format(3.14159, width=10, prec=2),
    format(1e16, ".0f"),
    f"{1e22} {1e-7} {123456789.0} {float('inf')}",
    "a\tb".expandtabs(4),
    str(1.0), repr(0.1), str(1e100),
]
