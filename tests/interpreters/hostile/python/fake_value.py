# verdict: error
# error: no value
class Liar:
    __class__ = dict

    def items(self):
        raise SystemError("lied")


Liar()
