# An SSL 3.0 server on tlslite-ng: answers one connection after the other with what it was sent.
# Arguments: port, key, certificate, name of the only cipher, name of the only MAC, name of the only key exchange.
import socket
import sys

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

port, key, certificate, cipher, mac, exchange = sys.argv[1:]
chain = X509CertChain()
chain.parsePemList(open(certificate).read())
key = parsePEMKey(open(key).read(), private=True, implementations=["python"])
settings = HandshakeSettings()
settings.minVersion = settings.maxVersion = (3, 0)
settings.versions = [(3, 0)]
settings.cipherNames = [cipher]
settings.macNames = [mac]
settings.keyExchangeNames = [exchange]
settings.minKeySize = 512
listener = socket.create_server(("127.0.0.1", int(port)))
while True:
    connection = TLSConnection(listener.accept()[0])
    try:
        anonymous = exchange == "dh_anon"
        connection.handshakeServer(
            certChain=None if anonymous else chain, privateKey=None if anonymous else key, anon=anonymous, settings=settings
        )
        while data := connection.read(min=1, max=16384):
            connection.sendall(data)
        connection.close()
    except Exception as error:
        print(repr(error), file=sys.stderr, flush=True)
