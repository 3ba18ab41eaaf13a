# verdict: timeout
class Undying:
    def __del__(self):
        while True:
            pass


Undying()
1
