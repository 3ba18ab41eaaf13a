import io
import unittest
from unittest import mock


class Math(unittest.TestCase):
    def test_ok(self):
        self.assertEqual(1 + 1, 2)

    def test_raises(self):
        with self.assertRaises(ZeroDivisionError):
            1 / 0

    def test_bad(self):
        self.assertIn(3, [1, 2])


outcome = unittest.TextTestRunner(stream=io.StringIO()).run(unittest.defaultTestLoader.loadTestsFromTestCase(Math))
fake = mock.Mock(return_value=3)
fake(1, a=2)
[outcome.testsRun, len(outcome.failures), len(outcome.errors), fake.call_args == mock.call(1, a=2), fake.called]
