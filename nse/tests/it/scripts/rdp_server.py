"""The beginning of a session of RDP with CredSSP: X.224, TLS, then the second message of NTLM."""
import socket
import ssl
import sys

CHALLENGE = bytes.fromhex(
    "4e544c4d53535000020000000c000c0038000000058289a20102030405060708000000000000000078007800440000000a0063450000000f"
    "44004f004d00410049004e0002000c0044004f004d00410049004e0001000a0048004f005300540031000400120064002e00650078006100"
    "6d0070006c00650003001e0068006f007300740031002e0064002e006500780061006d0070006c00650005000e006500780061006d007000"
    "6c006500070008000080209bcb82d80100000000"
)


def der(tag, content):
    head = bytes([len(content)]) if len(content) < 128 else b"\x81" + bytes([len(content)])
    return bytes([tag]) + head + content


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    plain, _ = listener.accept()
    try:
        if not plain.recv(1024):
            continue
        plain.sendall(bytes.fromhex("030000130ed000001234000200080002000000"))
        with context.wrap_socket(plain, server_side=True) as session:
            session.recv(1024)
            token = der(0x30, der(0x30, der(0xA0, der(0x04, CHALLENGE))))
            session.sendall(der(0x30, der(0xA0, der(0x02, b"\x02")) + der(0xA1, token)))
            session.recv(1024)
    except OSError:
        pass
