import gc
import weakref


class Thing:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        gone.append(self.name)


gone = []
a = Thing("a")
ref = weakref.ref(a)
cache = weakref.WeakValueDictionary(a=a)
alive = ref() is a
del a
b = Thing("b")
b.self = b
del b
gc.collect()
[alive, ref() is None, len(cache), gone]
