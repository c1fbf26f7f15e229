# A server on tlslite-ng, which still speaks SSL 3.0: sends back what it gets, to many clients at once.
# Arguments: port, key and certificate, or two empty words for anonymous suites only; `ssl3` for nothing newer.
# With a single argument, `list`, it prints what it offers: version and suite, in numbers.
import socket
import sys
import threading

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.constants import CipherSuite

VERSIONS = [(3, 0), (3, 1), (3, 2), (3, 3), (3, 4)]


def settings(version):
    all_of_it = HandshakeSettings()
    all_of_it.minVersion = (3, 0)
    all_of_it.maxVersion = version
    all_of_it.versions = [known for known in reversed(VERSIONS) if known <= version]
    all_of_it.cipherNames = ["chacha20-poly1305", "aes256gcm", "aes128gcm", "aes256ccm", "aes128ccm", "aes256ccm_8"]
    all_of_it.cipherNames += ["aes128ccm_8", "aes256", "aes128", "3des", "rc4", "null"]
    all_of_it.macNames = ["sha", "sha256", "sha384", "aead", "md5"]
    all_of_it.keyExchangeNames = ["rsa", "dhe_rsa", "ecdhe_rsa", "ecdhe_ecdsa", "ecdh_anon", "dh_anon", "dhe_dsa"]
    all_of_it.minKeySize = 512
    all_of_it.rsaSchemes = ["pss", "pkcs1"]
    return all_of_it


def offered():
    kinds = [CipherSuite.getTLS13Suites, CipherSuite.getEcdsaSuites, CipherSuite.getEcdheCertSuites]
    kinds += [CipherSuite.getDheCertSuites, CipherSuite.getCertSuites, CipherSuite.getDheDsaSuites]
    kinds += [CipherSuite.getEcdhAnonSuites, CipherSuite.getAnonSuites]
    for version in VERSIONS:
        for kind in kinds:
            for suite in CipherSuite.filterForVersion(kind(settings(version), version), version, version):
                yield version[1], suite


def serve(connection, chain, key, anonymous):
    try:
        connection.handshakeServer(certChain=chain, privateKey=key, anon=anonymous, settings=settings(newest))
        while data := connection.read(min=1, max=16384):
            connection.sendall(data)
        connection.close()
    except Exception as error:
        print(repr(error), file=sys.stderr, flush=True)


if sys.argv[1] == "list":
    for version, suite in offered():
        print(version, suite)
    sys.exit()
port, key, certificate = sys.argv[1:4]
newest = (3, 0) if sys.argv[4:] == ["ssl3"] else (3, 4)
chain = None
if key:
    chain = X509CertChain()
    chain.parsePemList(open(certificate).read())
    key = parsePEMKey(open(key).read(), private=True, implementations=["python"])
listener = socket.create_server(("127.0.0.1", int(port)), backlog=50)
while True:
    accepted = TLSConnection(listener.accept()[0])
    threading.Thread(target=serve, args=(accepted, chain, key or None, not key), daemon=True).start()
