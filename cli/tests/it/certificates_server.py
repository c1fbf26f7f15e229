# Serves certificates as they are, broken ones too: TLS 1.2 with RSA key transport, so that nothing but the public key in
# a certificate has to be right.
# Arguments: key and certificate (PEM) that fit, then the file (DER) of each certificate to be served; prints their ports.
import socket
import sys
import threading

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

key_path, fitting, *served = sys.argv[1:]
key = parsePEMKey(open(key_path).read(), private=True, implementations=["python"])
settings = HandshakeSettings()
settings.minVersion = settings.maxVersion = (3, 3)
settings.versions = [(3, 3)]
settings.cipherNames = ["aes128"]
settings.keyExchangeNames = ["rsa"]


def serve(listener, path):
    while True:
        accepted = TLSConnection(listener.accept()[0])
        try:
            chain = X509CertChain()
            chain.parsePemList(open(fitting).read())
            chain.x509List[0].bytes = bytearray(open(path, "rb").read())
            accepted.handshakeServer(certChain=chain, privateKey=key, settings=settings)
            accepted.read(min=1, max=1)
            accepted.close()
        except Exception:
            accepted.sock.close()


for path in served:
    listener = socket.create_server(("127.0.0.1", 0), backlog=20)
    threading.Thread(target=serve, args=(listener, path), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
sys.stdin.read()
