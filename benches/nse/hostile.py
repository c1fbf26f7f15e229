# Services on loopback that reset, stall, drip, flood, answer with garbage or end in the middle.
# Argument: how many addresses, from 127.9.0.1 on. Runs until it is killed; soak.sh scans it.
import os, random, socket, struct, sys, threading, time

PORTS = [21, 22, 23, 25, 53, 80, 110, 143, 389, 443, 445, 587, 873, 993, 995, 1433, 1521, 1883, 3306, 3389, 5060,
         5432, 5900, 6379, 8000, 8080, 8443, 11211, 27017]


def reset(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))


def reset_late(c):
    c.recv(100)
    c.send(b'HTTP/1.1 200 OK\r\nContent-Le')
    reset(c)


def stall(c):
    time.sleep(30)


def drip(c):
    for byte in b'HTTP/1.1 200 OK\r\nServer: drip\r\nContent-Length: 100000\r\n\r\n' * 50:
        c.send(bytes([byte]))
        time.sleep(0.05)


def garbage(c):
    for _ in range(20):
        c.send(os.urandom(random.randint(1, 5000)))
        time.sleep(0.01)


def flood(c):
    for _ in range(300):
        c.send(b'A' * 65536)


def half(c):
    c.recv(4096)
    c.shutdown(socket.SHUT_WR)
    time.sleep(5)


def echo(c):
    while data := c.recv(4096):
        c.send(data)


def no_tls(c):
    c.recv(4096)
    c.send(b'\x16\x03\x03\x40\x00' + os.urandom(random.randint(0, 9000)))


def nothing(c):
    pass


KINDS = [reset, reset_late, stall, drip, garbage, flood, half, echo, no_tls, nothing]


def handle(kind, connection):
    try:
        kind(connection)
    except OSError:
        pass
    connection.close()


def serve(address, kind):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(512)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=handle, args=(kind, connection), daemon=True).start()


for number in range(1, int(sys.argv[1]) + 1):
    for idx, port in enumerate(PORTS):
        place = ('127.9.0.%d' % number, port)
        threading.Thread(target=serve, args=(place, KINDS[idx % len(KINDS)]), daemon=True).start()
time.sleep(1000000)
