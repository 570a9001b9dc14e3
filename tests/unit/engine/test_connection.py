"""Plain HTTP: connections are kept, and a server that goes away is noticed."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from invoke_buildx.engine.connection import tcp, unix


class Handler(BaseHTTPRequestHandler):
    """Answers with the number of the port that the question came from."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The answer; a path of /close ends the connection behind the client's back."""
        body = str(self.client_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.path == "/close"

    def log_message(self, *_: object) -> None:
        """In silence."""


@pytest.fixture
def server() -> Iterator[str]:
    """HOST:PORT of a server."""
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{made.server_port}"
        made.shutdown()


def test_a_connection_is_kept_until_the_server_ends_it(server: str) -> None:
    """The next question makes a new one, and nobody notices."""
    connection = tcp(server, 5)
    first = connection.ask("GET", "/").body
    assert connection.ask("GET", "/close").body == first
    assert connection.ask("GET", "/").body != first


def test_a_server_that_comes_up_later_is_found() -> None:
    """After questions that nobody answered, as while an engine starts."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    connection = tcp(f"127.0.0.1:{port}", 5)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            connection.ask("GET", "/")
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        assert connection.ask("GET", "/").status == 200
        made.shutdown()


def test_a_server_that_speaks_no_http_is_an_error() -> None:
    """Of the kind that a refused connection is."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as taken:
                taken.recv(1000)
                taken.sendall(b"hello\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(OSError, match="hello"):
            tcp(f"127.0.0.1:{listener.getsockname()[1]}", 5).ask("GET", "/")


def test_a_socket_that_is_not_there_is_an_error() -> None:
    """Whatever its path is."""
    with pytest.raises(FileNotFoundError):
        unix("/nowhere/docker.sock", 5).ask("GET", "/")
