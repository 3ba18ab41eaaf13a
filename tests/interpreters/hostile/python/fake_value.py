# verdict: error
# error: Liar
class Liar:
    __class__ = dict

    def items(self):
        raise SystemError("lied")


Liar()
