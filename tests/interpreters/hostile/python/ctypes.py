# verdict: error
# error: not available in this sandbox: ctypes
import ctypes

ctypes.string_at(0)
