"""Servers of a few recorded answers, for protocols whose answers repeat something of the question.

Usage: peers.py KIND PORT. The kinds are the functions in the last line; each listens on
127.0.0.1 and runs until it is killed. Where a protocol knows one port only, that one is served, too.
"""

import contextlib
import hashlib
import socket
import struct
import subprocess
import sys
import threading
import time


def udp(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def serve_udp(port, answer, show=None):
    """Answers on a port. Only then `show` opens what tells others that the server runs."""
    sock = udp(port)
    _shown = show and show()
    while True:
        data, peer = sock.recvfrom(4096)
        for reply in answer(data):
            sock.sendto(reply, peer)


def wait_tcp(port):
    """Listens, so that others see that the server runs."""
    sock = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=sock.accept, daemon=True).start()
    return sock


# RFC 5389: the binding response of RFC 5769, 2.2, with the address 192.0.2.1:32853.
def stun(port):
    def answer(data):
        magic = struct.unpack(">I", data[4:8])[0]
        mapped = struct.pack(">BBHI", 0, 1, 32853 ^ (magic >> 16), 0xC0000201 ^ magic)
        attributes = struct.pack(">HH", 0x8022, 11) + b"test vector " + struct.pack(">HH", 0x20, 8) + mapped
        yield struct.pack(">HH", 0x101, len(attributes)) + data[4:20] + attributes

    serve_udp(port, answer)


# RFC 7252 and RFC 6690, the example of section 5.
def coap(port):
    links = b'</sensors/temp>;rt="temperature-c";if="sensor",</t>;ct=0;obs'

    def answer(data):
        token = data[4 : 4 + (data[0] & 15)]
        yield bytes([0x60 | len(token), 0x45]) + data[2:4] + token + b"\xc1\x28\xff" + links

    serve_udp(port, answer)


# The ping of Mumble's protocol: the version, what was sent, users, their limit and their bandwidth.
def mumble(port):
    def answer(data):
        yield bytes([0, 1, 3, 4]) + data[4:12] + struct.pack(">III", 3, 100, 72000)

    serve_udp(port, answer)


# RFC 1002, 4.2.18.
def nbstat(port):
    names = [("FILESRV", 0, 0x0400), ("LAB", 0, 0x8400), ("FILESRV", 0x20, 0x0400), ("ANN", 3, 0x0400)]
    status = bytes([len(names)])
    for name, suffix, flags in names:
        status += struct.pack(">15sBH", name.ljust(15).encode(), suffix, flags)
    status += bytes.fromhex("02005e005301") + bytes(40)

    # Whoever has a name says with which addresses: its flags, then 192.0.2.10 and 198.51.100.10.
    addresses = bytes.fromhex("0000c000020a0000c633640a")

    def answer(data):
        kind = data[47]
        content = addresses if kind == 0x20 else status
        head = struct.pack(">HHIH", kind, 1, 0, len(content))
        yield data[:2] + b"\x84\0\0\0\0\1\0\0\0\0" + data[12:46] + head + content

    serve_udp(137, answer, lambda: wait_tcp(port))


# RFC 2408: an association is accepted, with two vendor identifiers.
def ike(port):
    def payload(following, content):
        return struct.pack(">BBH", following, 0, 4 + len(content)) + content

    peer_detection = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")
    windows = hashlib.md5(b"MS NT5 ISAKMPOAKLEY").digest() + b"\0\0\0\x08"
    body = payload(13, b"association") + payload(13, peer_detection) + payload(0, windows)

    def answer(data):
        yield data[:8] + b"answerer" + b"\1\x10" + data[18:19] + struct.pack(">BII", 0, 0, 28 + len(body)) + body

    serve_udp(port, answer)


# RFC 2131: a server that acknowledges everything.
def dhcp(port):
    options = bytes.fromhex("350105" + "3604c0000201" + "0104ffffff00" + "0308c0000201c0000202" + "ff")

    def answer(data):
        yield b"\2" + data[1:16] + bytes(12) + data[28:236] + b"\x63\x82\x53\x63" + options

    serve_udp(67, answer, lambda: udp(port))


def length(data, at):
    """The length of a BER value and where its content begins."""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def items(data):
    """The BER values in a value: identifier and content."""
    at, found = 0, []
    while at < len(data):
        size, begin = length(data, at + 1)
        found.append((data[at], data[begin : begin + size]))
        at = begin + size
    return found


def tlv(tag, content):
    size = len(content)
    head = bytes([size]) if size < 0x80 else b"\x82" + struct.pack(">H", size)
    return bytes([tag]) + head + content


def oid_bytes(text):
    numbers = [int(number) for number in text.split(".")]
    out = bytes([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        octets = [number & 0x7F]
        while number > 0x7F:
            number >>= 7
            octets.insert(0, number & 0x7F | 0x80)
        out += bytes(octets)
    return out


# An agent with the tables of standard input: name, kind (i, s, x, a) and value, a line each, in the agent's order.
def snmp(port):
    def value_of(kind, value):
        if kind == "i":
            return tlv(2, int(value).to_bytes(5, "big", signed=True))
        if kind == "a":
            return tlv(0x40, bytes(int(part) for part in value.split(".")))
        return tlv(4, bytes.fromhex(value) if kind == "x" else value.encode())

    rows = []
    for line in sys.stdin:
        name, kind, value = line.rstrip("\n").split(" ", 2)
        rows.append(([int(number) for number in name.split(".")], oid_bytes(name), value_of(kind, value)))
    rows.sort()

    def answer(data):
        version, community, (tag, pdu) = items(items(data)[0][1])
        request, _, _, bindings = items(pdu)
        wanted = items(items(bindings[1])[0][1])[0][1]
        numbers = [wanted[0] // 40, wanted[0] % 40]
        number = 0
        for octet in wanted[1:]:
            number = number << 7 | octet & 0x7F
            if octet < 0x80:
                numbers.append(number)
                number = 0
        found = [row for row in rows if (row[0] > numbers if tag == 0xA1 else row[0] == numbers)]
        binding = tlv(6, found[0][1]) + found[0][2] if found else tlv(6, wanted) + b"\5\0"
        status = b"\0" if found else b"\2"
        body = tlv(*request) + tlv(2, status) + tlv(2, b"\0") + tlv(0x30, tlv(0x30, binding))
        yield tlv(0x30, tlv(*version) + tlv(*community) + tlv(0xA2, body))

    serve_udp(port, answer)


# RFC 1833, RFC 1813: a port mapper, a mount service and NFS on one port, with one directory.
def rpc(port):
    def text(data):
        return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)

    def attributes(kind, mode, size):
        times = struct.pack(">IIIIII", 1795819769, 0, 1795819769, 0, 1795819769, 0)
        return struct.pack(">IIIIIQQIIQQ", kind, mode, 1, 0, 0, size, size, 0, 0, 1, 2) + times

    def entry(number, name, kind, mode, size):
        head = struct.pack(">IQ", 1, number) + text(name) + struct.pack(">Q", number)
        return head + struct.pack(">I", 1) + attributes(kind, mode, size) + struct.pack(">I", 1) + text(b"handle")

    def binding(program, version, network):
        address = "0.0.0.0.%d.%d" % (port >> 8, port & 255)
        return struct.pack(">III", 1, program, version) + text(network) + text(address.encode()) + text(b"superuser")

    directory = struct.pack(">II", 0, 1) + attributes(2, 0o755, 4096)
    bindings = [(100000, 2), (100000, 3), (100000, 4), (100003, 3), (100005, 1), (100005, 3)]
    results = {
        (100000, 4): b"".join(binding(*one, b"tcp") for one in bindings) + bytes(4),
        (100005, 1): struct.pack(">I", 0) + text(b"handle") + bytes(4),
        (100005, 3): b"",
        (100005, 5): struct.pack(">I", 1) + text(b"/export") + struct.pack(">I", 1) + text(b"192.0.2.0/24") + bytes(8),
        (100003, 4): directory + struct.pack(">I", 31),
        (100003, 17): directory + b"verifier" + entry(1, b".", 2, 0o755, 4096) + entry(2, b"file.txt", 1, 0o644, 3)
        + struct.pack(">II", 0, 1),
        (100003, 18): directory + struct.pack(">QQQQQQI", 1024000, 512000, 256000, 100, 50, 50, 0),
        (100003, 19): directory + struct.pack(">IIIIIII", *[65536] * 7) + struct.pack(">QIII", 2**63 - 1, 0, 1, 27),
        (100003, 20): directory + struct.pack(">IIIIII", 32000, 255, 1, 1, 0, 1),
    }

    def serve(sock):
        stream = sock.makefile("rwb")
        while head := stream.read(4):
            call = stream.read(struct.unpack(">I", head)[0] & 0x7FFFFFFF)
            xid, _, _, program, _, procedure = struct.unpack(">IIIIII", call[:24])
            result = results.get((program, procedure))
            reply = struct.pack(">IIIIII", xid, 1, 0, 0, 0, 3 if result is None else 0) + (result or b"")
            stream.write(struct.pack(">I", 0x80000000 | len(reply)) + reply)
            stream.flush()

    listener = socket.create_server(("127.0.0.1", port))
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

# CVE-2016-9244: openssl s_server of the folder's key.pem and cert.pem, whose answers to identifiers of 16 octets
# are made 32 octets long.
def ticketbleed(port):
    with socket.create_server(("127.0.0.1", 0)) as free:
        behind = free.getsockname()[1]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{behind}", "-key", "key.pem", "-cert", "cert.pem"]
    subprocess.Popen(command + ["-quiet", "-www", "-tls1_2", "-cipher", "ALL:@SECLEVEL=0"])
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", behind)).close()
            break
        except OSError:
            time.sleep(0.1)

    def pump(source, target, change):
        try:
            while data := source.recv(65536):
                target.sendall(change(data))
        except OSError:
            pass
        # The other thread waits for what this socket says: closing alone would not wake it.
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def longer(data):
        # A record of a handshake, a hello of the server, and its identifier's length.
        if data[:1] != b"\x16" or data[5:6] != b"\x02" or data[43] != 16:
            return data
        record = struct.unpack(">H", data[3:5])[0] + 16
        hello = int.from_bytes(data[6:9], "big") + 16
        head = data[:3] + struct.pack(">H", record) + data[5:6] + hello.to_bytes(3, "big") + data[9:43]
        return head + b"\x20" + data[44:60] + b"memory not clear" + data[60:]

    listener = socket.create_server(("127.0.0.1", port))
    while True:
        client = listener.accept()[0]
        server = socket.create_connection(("127.0.0.1", behind))
        threading.Thread(target=pump, args=(client, server, lambda data: data), daemon=True).start()
        threading.Thread(target=pump, args=(server, client, longer), daemon=True).start()


{"stun": stun, "coap": coap, "mumble": mumble, "nbstat": nbstat, "dhcp": dhcp, "snmp": snmp, "rpc": rpc, "ike": ike,
 "ticketbleed": ticketbleed}[sys.argv[1]](int(sys.argv[2]))
