# verdict: timeout
class Meta(type):
    def __instancecheck__(cls, value):
        while True:
            pass


class C(metaclass=Meta):
    pass


isinstance(1, C)
