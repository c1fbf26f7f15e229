"""The same with OpenSSL."""
import hashlib

text = b"0123456789abcdef" * 65536
digest = b""
for _ in range(400):
    digest = hashlib.new("sha256", digest + text).digest()
print(digest.hex())
