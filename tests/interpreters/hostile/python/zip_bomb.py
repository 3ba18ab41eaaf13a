# verdict: error
# error: MemoryError
import zlib

z = zlib.compress(b"\0" * 10**7, 9)
zlib.decompress(zlib.compress(z * 3)) and b"".join(zlib.decompress(z) for _ in range(1000))
