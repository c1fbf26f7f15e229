"""A service that is held open on the first port, and an ident server (RFC 1413) on the second."""
import socketserver
import sys
import threading


class Held(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(1024):
            pass


class Ident(socketserver.StreamRequestHandler):
    def handle(self):
        question = self.rfile.readline().decode().strip()
        self.wfile.write(f"{question} : USERID : UNIX : moon\r\n".encode())


def serve(port, handler):
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer(("127.0.0.1", port), handler).serve_forever()


threading.Thread(target=serve, args=(int(sys.argv[2]), Ident), daemon=True).start()
serve(int(sys.argv[1]), Held)
