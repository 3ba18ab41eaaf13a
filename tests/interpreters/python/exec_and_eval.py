namespace = {"x": 10}
exec("def f(n):\n    return n * x\ny = f(3)", namespace)
code = compile("a ** 2", "<expr>", "eval")
[namespace["y"], namespace["f"](2), eval(code, {"a": 7}), sorted(k for k in namespace if k[0] != "_"), eval("[i for i in range(3)]"), type("Made", (), {"v": 5})().v]
