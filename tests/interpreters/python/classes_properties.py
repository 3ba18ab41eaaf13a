class Temperature:
    def __init__(self, celsius=0.0):
        self.celsius = celsius

    @property
    def celsius(self):
        return self._celsius

    @celsius.setter
    def celsius(self, value):
        if value < -273.15:
            raise ValueError("below absolute zero")
        self._celsius = value

    @property
    def fahrenheit(self):
        return self._celsius * 9 / 5 + 32

    @classmethod
    def from_fahrenheit(cls, f):
        return cls((f - 32) * 5 / 9)

    @staticmethod
    def name():
        return "temperature"


out = [Temperature(100).fahrenheit, Temperature.from_fahrenheit(212).celsius, Temperature.name()]
try:
    Temperature(-300)
except ValueError as e:
    out.append(str(e))
out
