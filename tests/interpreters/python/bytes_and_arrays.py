import array
import struct

b = bytearray(b"hello")
b[0] = ord("J")
b += b"!"
view = memoryview(b)
a = array.array("i", [1, 2, 3])
a.extend([4])
packed = struct.pack(">IhB3s", 1, -2, 255, b"ab")
[
    bytes(b), bytes(view[1:3]), a.tolist(), a.itemsize, packed, struct.unpack(">IhB3s", packed), struct.calcsize("<qd"),
    b"a b".split(), bytes.fromhex("00ff"), b"\x00\xff".hex(":"), b"abc".find(b"c"), list(b"ab"), b"%d-%s" % (3, b"x"),
    struct.pack("<d", 1.5), int.from_bytes(b"\xff\xfe", "big", signed=True), b"x".rjust(3, b"."),
]
