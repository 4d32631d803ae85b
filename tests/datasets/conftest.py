"""A real HTTP server with mirrors that fail in every way known."""

import gzip
import os
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

_HTML = b"<!DOCTYPE html><html><body>Please log in to the hotel's network.</body></html>"


class _Handler(BaseHTTPRequestHandler):
    """Answers /BEHAVIOUR/NAME as the behaviour says."""

    def do_GET(self):
        _, behaviour, name = self.path.split("/")
        self.server.note(behaviour, name)
        getattr(self, f"answer_{behaviour}")(name)

    def log_message(self, *arguments):
        pass

    def send(self, body, *, promised=None, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def content(self, name):
        return self.server.contents[name]

    def answer_good(self, name):
        self.send(self.content(name))

    def answer_unannounced(self, name):  # without Content-Length: the end of the connection is the end of the file
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.content(name))

    def answer_together(self, name):  # half, then the rest when two clients have asked
        body = self.content(name)
        self.send(body[: len(body) // 2], promised=len(body))
        self.server.barrier.wait(timeout=30)
        self.wfile.write(body[len(body) // 2 :])

    def answer_late(self, name):  # refuses each file once
        if self.server.hits.count(("late", name)) == 1:
            self.send_error(503)
        else:
            self.answer_good(name)

    def answer_cut(self, name):
        body = self.content(name)
        self.send(body[:-20], promised=len(body))

    def answer_cut_unannounced(self, name):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.content(name)[:-20])

    def answer_cut_chunk(self, name):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"ffff\r\n" + self.content(name)[:20])

    def answer_corrupt(self, name):
        body = bytearray(self.content(name))
        body[len(body) // 2] ^= 0xFF
        self.send(bytes(body))

    def answer_altered(self, name):  # a sound file, but not the published one
        plain = bytearray(gzip.decompress(self.content(name)))
        plain[-1] ^= 1
        self.send(gzip.compress(bytes(plain)))

    def answer_stalled(self, name):
        body = self.content(name)
        self.send(body[: len(body) // 2], promised=len(body))
        self.server.is_over.wait(timeout=30)

    def answer_silent(self, name):
        self.server.is_over.wait(timeout=30)

    def answer_forbidden(self, name):
        self.send_error(403)

    def answer_missing(self, name):
        self.send_error(404)

    def answer_broken(self, name):
        self.send_error(500)

    def answer_lost(self, name):  # redirects to an address that is none
        self.send_response(302)
        self.send_header("Location", "http://[127.0.0.1/")
        self.end_headers()

    def answer_elsewhere(self, name):  # redirects away from the web
        self.send_response(302)
        self.send_header("Location", "ftp://127.0.0.1/")
        self.end_headers()

    def answer_reset(self, name):
        self.reset_connection()

    def answer_reset_midway(self, name):
        body = self.content(name)
        self.send(body[: len(body) // 2], promised=len(body))
        self.reset_connection()

    def answer_noise(self, name):
        self.wfile.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")

    def answer_endless(self, name):
        self.send(self.content(name) + bytes(1_000_000))

    def answer_html(self, name):
        self.send(_HTML)

    def answer_empty(self, name):
        self.send(b"")

    def reset_connection(self):
        self.close_connection = True
        # Closing with unsent data dropped makes the kernel send RST, not FIN.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


class MirrorServer(ThreadingHTTPServer):
    """Many mirrors at one port, one for each behaviour."""

    daemon_threads = True

    def __init__(self, contents):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.contents = contents
        self.hits = []  # (behaviour, name) of each request
        self.barrier = threading.Barrier(2)
        self.is_over = threading.Event()
        self._lock = threading.Lock()

    def note(self, behaviour, name):
        with self._lock:
            self.hits.append((behaviour, name))

    def mirror(self, behaviour):
        """Address of the mirror that behaves like this."""
        return f"http://127.0.0.1:{self.server_address[1]}/{behaviour}/"

    def handle_error(self, request, client_address):
        """Nothing: clients that hang up are what is tested."""


@pytest.fixture
def server(small_mnist):
    """A server of the four files of the small MNIST."""
    contents = {f"{name}.gz": gzip.compress(plain, mtime=0) for name, plain in small_mnist.files().items()}
    with MirrorServer(contents) as mirror_server:
        thread = threading.Thread(target=mirror_server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield mirror_server
        mirror_server.is_over.set()
        mirror_server.shutdown()
        thread.join()
