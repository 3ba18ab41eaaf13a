registry = {}


class Meta(type):
    def __new__(mcls, name, bases, namespace, **kwargs):
        cls = super().__new__(mcls, name, bases, namespace)
        if bases:
            registry[kwargs.get("key", name.lower())] = cls
        return cls

    def __init__(cls, name, bases, namespace, **kwargs):
        super().__init__(name, bases, namespace)


class Plugin(metaclass=Meta):
    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__()
        cls.tag = len(registry)


class Csv(Plugin, key="csv"):
    pass


class Json(Plugin):
    pass


result = {name: [cls.__name__, cls.tag] for name, cls in registry.items()}
