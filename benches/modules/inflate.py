"""The same with the C library."""
import zlib

parts, n = [], 1
for i in range(150000):
    n = (n * 1103515245 + 12345) % 2147483648
    parts.append("%x " % (n // 65536 % 5000))
text = "".join(parts).encode()
packed = zlib.compress(text, 6)
total = 0
for _ in range(60):
    total += len(zlib.decompress(packed))
print(total, zlib.adler32(text), sep="\t")
