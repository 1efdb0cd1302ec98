"""Small HTTP servers that behave badly on purpose: one answer to everything, none at all, or half of one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answer:
    """What a server says: status, S3 error code (None: no body), headers; counts the requests it got."""

    def __init__(self, status: int, code: str | None = None, body: bytes | None = None, headers: dict[str, str] | None = None) -> None:
        xml = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>of {code}</Message></Error>".encode() if code else b""
        self.status, self.body, self.headers = status, xml if body is None else body, headers or {}
        self.requests: list[str] = []


@contextmanager
def server_saying(answer: Answer) -> Iterator[str]:
    """``host:port`` of a server that gives this answer to every request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer.requests.append(f"{self.command} {self.path}")
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def server_saying_nothing() -> Iterator[str]:
    """``host:port`` of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def server_breaking_downloads(body: bytes, broken_times: int) -> Iterator[str]:
    """``host:port`` of a server with one object, whose first downloads end in the middle."""
    remaining = [broken_times]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"0123"')
            self.send_header("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            remaining[0] -= 1
            self.wfile.write(body[: len(body) // 2] if remaining[0] >= 0 else body)
            self.close_connection = remaining[0] >= 0

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
