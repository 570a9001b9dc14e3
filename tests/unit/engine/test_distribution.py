"""The registry client, against a server that answers as registries do."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.transport import Transport
from invoke_buildx.errors import EngineError
from invoke_buildx.project.settings import RegistrySettings

LOGIN = "Basic " + base64.b64encode(b"alice:secret").decode()


class Handler(BaseHTTPRequestHandler):
    """Pages of three, `/v2/basic` behind a password, `/v2/token` behind a token."""

    names = tuple(f"r{i}" for i in range(8))

    def do_HEAD(self) -> None:
        """A manifest's headers."""
        self.reply(200 if "known" in self.path else 404, {}, {"Docker-Content-Digest": "sha256:1"})

    def do_GET(self) -> None:
        """Whatever the path asks for."""
        address = urlparse(self.path)
        query = parse_qs(address.query)
        login = self.headers.get("Authorization")
        host = f"http://localhost:{self.server.server_port}"  # type: ignore[attr-defined]
        if address.path == "/v2/_catalog":
            start = int(query.get("last", ["0"])[0])
            more = {"Link": f'</v2/_catalog?last={start + 3}&n=3>; rel="next"'}
            page = {"repositories": self.names[start : start + 3]}
            self.reply(200, page, more if start + 3 < len(self.names) else {})
        elif address.path.startswith("/v2/basic") and login != LOGIN:
            self.reply(401, {}, {"WWW-Authenticate": 'Basic realm="x"'})
        elif address.path.startswith("/v2/token") and login != "Bearer let-me-in":
            challenge = f'Bearer realm="{host}/auth",service="s",scope="repository:token:pull"'
            self.reply(401, {}, {"WWW-Authenticate": challenge})
        elif address.path == "/auth":
            right = query == {"service": ["s"], "scope": ["repository:token:pull"]}
            self.reply(200 if right else 400, {"token": "let-me-in"}, {})
        elif address.path.startswith("/v2/damaged"):
            self.reply(200, {"not": "that"}, {"Docker-Content-Digest": f"sha256:{'0' * 64}"})
        elif address.path.startswith("/v2/busy") and self.server.calls < 2:  # type: ignore[attr-defined]
            self.server.calls += 1  # type: ignore[attr-defined]
            self.reply(429, {}, {"Retry-After": "0"})
        elif address.path.startswith("/v2/broken"):
            self.reply(500, {"errors": [{"message": "out of order"}]}, {})
        elif address.path.startswith("/v2/unknown"):
            self.reply(404, {}, {})
        else:
            self.reply(200, {"tags": ["b", "a"]}, {})

    def do_POST(self) -> None:
        """The token server, to those who hold an identity token."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        right = form["grant_type"] == ["refresh_token"] and form["refresh_token"] == ["kept"]
        right = right and form["scope"] == ["repository:token:pull"]
        self.reply(200 if right else 400, {"access_token": "let-me-in"}, {})

    def reply(self, status: int, body: object, headers: dict[str, str]) -> None:
        """One answer."""
        data = json.dumps(body).encode()
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        """Be quiet."""


@pytest.fixture
def host() -> Iterator[str]:
    """Where that server listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.calls = 0  # type: ignore[attr-defined]
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"localhost:{server.server_port}"
        server.shutdown()
        serving.join()


def test_pages_are_followed_and_tags_sorted(host: str) -> None:
    """To the last one."""
    assert Registry(host).repositories() == list(Handler.names)
    assert Registry(host).tags("any") == ["a", "b"]
    assert Registry(host).tags("unknown") == []


def test_a_manifest_is_there_or_not(host: str) -> None:
    """A missing one is None, not an error."""
    assert Registry(host).digest("known", "1") == "sha256:1"
    assert Registry(host).digest("other", "1") is None
    assert Registry(host).manifest("unknown", "1") is None


def test_a_login_is_taken_from_dockers_configuration(host: str, tmp_path: Path) -> None:
    """Basic and token authentication; without a login the error says how to get one."""
    auth = LOGIN.removeprefix("Basic ")
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    assert Registry(host, {"DOCKER_CONFIG": str(tmp_path)}).tags("basic") == ["a", "b"]
    assert Registry(host, {"DOCKER_CONFIG": str(tmp_path)}).tags("token") == ["a", "b"]
    nobody = tmp_path / "nobody"
    nobody.mkdir()
    with pytest.raises(EngineError, match=rf"answered 401 .* Log in: docker login {host}"):
        Registry(host, {"DOCKER_CONFIG": str(nobody)}).tags("basic")


def test_errors_are_the_registrys_own_words(host: str) -> None:
    """And a registry that is not there is said to be unreachable."""
    with pytest.raises(EngineError, match=r"answered 500 .*: out of order"):
        Registry(host).tags("broken")
    with pytest.raises(EngineError, match="localhost:9 cannot be reached"):
        Registry("localhost:9").tags("any")


def test_an_identity_token_is_exchanged(host: str, tmp_path: Path) -> None:
    """What a login in the browser leaves behind instead of a password."""
    login = {"auth": base64.b64encode(b"<token>:").decode(), "identitytoken": "kept"}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: login}}))
    assert Registry(host, {"DOCKER_CONFIG": str(tmp_path)}).tags("token") == ["a", "b"]


def test_a_busy_registry_is_asked_again(host: str) -> None:
    """After as long as it has said."""
    assert Registry(host).tags("busy") == ["a", "b"]


def test_bytes_of_another_digest_are_refused(host: str) -> None:
    """By the digest that was asked for, and by the one that the registry names."""
    for reference in ("latest", f"sha256:{'1' * 64}"):
        with pytest.raises(EngineError, match="is damaged: in damaged it gave sha256:"):
            Registry(host).manifest("damaged", reference)


def test_a_host_is_asked_by_https_unless_it_is_this_machine() -> None:
    """Or unless the settings say so; a certificate of its own means TLS here, too."""
    bases = {
        "localhost:5000": RegistrySettings(),
        "registry.example.org": RegistrySettings(),
        "plain.example.org": RegistrySettings(http=True),
        "docker.io": RegistrySettings(),
        "127.0.0.1:1": RegistrySettings(ca="ca.pem"),
    }
    assert [Transport(host, {}, access).base for host, access in bases.items()] == [
        "http://localhost:5000",
        "https://registry.example.org",
        "http://plain.example.org",
        "https://registry-1.docker.io",
        "https://127.0.0.1:1",
    ]
