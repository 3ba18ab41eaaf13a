import base64
import binascii
import hashlib
import hmac
import zlib

data = b"the quick brown fox"
[
    hashlib.sha256(data).hexdigest(),
    hashlib.md5(data).hexdigest(),
    hashlib.sha1(data).hexdigest(),
    hashlib.sha512(data).hexdigest()[:16],
    hashlib.sha3_256(data).hexdigest()[:16],
    hashlib.blake2b(data, digest_size=8).hexdigest(),
    hashlib.new("sha224", data).hexdigest()[:8],
    hashlib.pbkdf2_hmac("sha256", b"pw", b"salt", 10).hex()[:16],
    hmac.new(b"key", data, "sha256").hexdigest()[:16],
    hmac.compare_digest("a", "a"),
    base64.b64encode(data),
    base64.urlsafe_b64decode("__8="),
    base64.b32encode(b"hi"),
    base64.b85encode(b"hello"),
    binascii.crc32(data),
    zlib.decompress(zlib.compress(data * 10)) == data * 10,
    zlib.adler32(data),
]
