"""Cases for the library zlib: `make COUNT` prints some, a line each; `check FILE` unpacks what came back."""
import random
import sys
import zlib


def sample(rng):
    kind = rng.randrange(5)
    size = rng.choice([0, 1, 2, 10, 100, 1000, 5000])
    if kind == 0:
        return rng.randbytes(size)
    if kind == 1:
        return bytes(rng.choice(b"ab\r\n") for _ in range(size))
    if kind == 2:
        return b"x" * size
    words = [b"the", b"quick", b"brown", b"fox", b"\n", b"jumps"]
    return b" ".join(rng.choice(words) for _ in range(size // 5))


def expected(data, bits):
    """What the library gives for data: text, whether all is well, whether the end was reached."""
    decoder = zlib.decompressobj(bits)
    out = b""
    try:
        # In small steps, so that what comes before an error is known.
        for at in range(len(data)):
            out += decoder.decompress(data[at:at + 1])
            if decoder.eof:
                break
    except zlib.error:
        return out, "bad"
    return out, "end" if decoder.eof else "cut"


def make(count):
    rng = random.Random(7)
    for _ in range(count):
        text = sample(rng)
        bits = rng.choice([15, 15, 31, 31, -15, 9, 12, 25, -9])
        packer = zlib.compressobj(rng.randrange(-1, 10), 8, bits, rng.randrange(1, 10), rng.randrange(5))
        data = packer.compress(text)
        if rng.randrange(3) == 0:
            data += packer.flush(zlib.Z_SYNC_FLUSH)
        data += packer.flush()
        damage = rng.randrange(6)
        if damage == 0:
            data = data[:rng.randrange(len(data) + 1)]
        elif damage == 1 and data:
            at = rng.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]
        elif damage == 2:
            data += rng.randbytes(rng.randrange(20))
        elif damage == 3 and rng.randrange(10) == 0:
            data = rng.randbytes(rng.randrange(40))
        # For 1 to 15 the library in Lua detects the header.
        used = bits + 32 if bits > 0 and bits < 16 else bits
        out, status = expected(data, used)
        print(bits, status, data.hex() or "-", out.hex() or "-", text.hex() or "-")


def check(path):
    count = 0
    for line in open(path):
        bits, data, text = line.split()
        data, text = (bytes.fromhex(part.replace("-", "")) for part in (data, text))
        if zlib.decompress(data, int(bits)) != text:
            sys.exit(f"not unpacked: {line[:200]}")
        count += 1
    print(count, "read")


if sys.argv[1] == "make":
    make(int(sys.argv[2]))
else:
    check(sys.argv[2])
