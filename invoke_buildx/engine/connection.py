"""Plain HTTP by the standard library: this machine's engine and registry, within milliseconds.

`requests` takes 70 ms to import, which an unchanged build would pay each time.
"""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a server answered; the names of `headers` are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError`."""
        return json.loads(self.body)


class Connection:
    """One kept connection a thread, made when it is first needed."""

    def __init__(self, connect: Callable[[], HTTPConnection]) -> None:
        self._connect = connect
        self._kept = threading.local()
        self._all: set[HTTPConnection] = set()

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request without a body. Raises `OSError` when there is no answer."""
        kept: HTTPConnection | None = vars(self._kept).pop("connection", None)
        if kept is not None:
            try:
                return self._exchange(kept, method, path, headers)
            except (RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                pass  # the server had enough of it; a new one may do
        return self._exchange(self._connect(), method, path, headers)

    def _exchange(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        """Ask, and keep the connection if all went well."""
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            found = Answer(answer.status, answer.headers, answer.read())  # type: ignore[arg-type]
        except (OSError, HTTPException) as problem:
            connection.close()
            if isinstance(problem, OSError):
                raise
            raise OSError(str(problem) or type(problem).__name__) from None
        self._kept.connection = connection
        self._all.add(connection)
        return found

    def __del__(self) -> None:
        for connection in self._all:
            connection.close()


def tcp(host: str, timeout: float) -> Connection:
    """Plain HTTP to `HOST[:PORT]`."""
    return Connection(lambda: HTTPConnection(host, timeout=timeout))


def unix(path: str, timeout: float) -> Connection:
    """Plain HTTP over a local socket."""
    return Connection(lambda: SocketConnection(path, timeout))


class SocketConnection(HTTPConnection):
    """Plain HTTP over the local socket of that path; no timeout waits for ever."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)
