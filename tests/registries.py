"""Registries for tests: the real program in containers, open, guarded, broken or read-only."""

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from engine_world import docker, free_port

from invoke_buildx.engine.distribution import Registry
from invoke_buildx.project.manifest import Blob, Manifest, digest_of
from invoke_buildx.service import await_answer

# bcrypt of the word `secret`, as htpasswd would write it.
HTPASSWD = "alice:$2b$04$ctJ5h.DuPUzzR3E2t0Cmcu1rTEb8YezGpoji2Ve/OxOTyEjspUoSC\n"
LOGIN = base64.b64encode(b"alice:secret").decode()


CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {}, "config": {}}).encode()
OCI = "application/vnd.oci.image"


def small_image(host: Registry, repository: str, tag: str, text: str = "x") -> Manifest:
    """Put an image with one layer of that text there."""
    blobs = []
    for data, kind in ((CONFIG, "config.v1+json"), (text.encode(), "layer.v1.tar")):
        blob = Blob(digest_of(data), len(data), f"{OCI}.{kind}")
        host.upload(repository, blob, iter([data]), None)
        blobs.append({"digest": blob.digest, "size": blob.size, "mediaType": blob.media_type})
    body = {"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": blobs[0]}
    made = Manifest(json.dumps({**body, "layers": blobs[1:]}).encode(), f"{OCI}.manifest.v1+json")
    host.put(repository, tag, made)
    return made


@contextmanager
def a_registry(
    settings: Mapping[str, str] | None = None, files: Path | None = None
) -> Iterator[str]:
    """A registry of its own on loopback; `settings` are its REGISTRY_ variables.

    `files` is a folder that it sees as /files.
    """
    port = free_port()
    words = [f"--env=REGISTRY_{key}={value}" for key, value in (settings or {}).items()]
    if files:
        words.append(f"--volume={files}:/files:ro")
    name = f"ibx-registry-{port}"
    docker("run", "--detach", "--name", name, "-p", f"127.0.0.1:{port}:5000", *words, "registry:2")
    try:
        if not any("TLS" in key for key in settings or {}):
            await_answer(f"localhost:{port}")
        yield f"localhost:{port}"
    finally:
        docker("rm", "--force", "--volumes", name)


def in_registry(host: str, script: str) -> str:
    """What a shell in that registry's container says, in its folder of repositories."""
    name = f"ibx-registry-{host.partition(':')[2]}"
    there = "cd /var/lib/registry/docker/registry/v2/repositories && "
    return docker("exec", name, "sh", "-c", there + script)


def htpasswd(folder: Path) -> dict[str, str]:
    """Settings of a registry that wants alice's password."""
    (folder / "htpasswd").write_text(HTPASSWD)
    path = {"AUTH_HTPASSWD_PATH": "/files/htpasswd"}
    return {"AUTH": "htpasswd", "AUTH_HTPASSWD_REALM": "x", **path}


def tls(folder: Path, *, client: bool = False) -> dict[str, str]:
    """Settings of a registry with TLS by a test CA; `ca.pem`, `client.pem` are left in `folder`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server, person = authority.issue_cert("localhost"), authority.issue_cert("alice@example.org")
    server.private_key_pem.write_to_path(folder / "server.key")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    person.private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
    found = {
        "HTTP_TLS_CERTIFICATE": "/files/server.pem",
        "HTTP_TLS_KEY": "/files/server.key",
    }
    return found | ({"HTTP_TLS_CLIENTCAS": "[/files/ca.pem]"} if client else {})


def an_index(host: Registry, repository: str, tag: str) -> Manifest:
    """Put an index of two platforms with an attestation there, as buildx makes it."""
    entries = []
    for platform in ("amd64", "arm64"):
        one = small_image(host, repository, f"tmp-{platform}", f"for {platform}")
        system = {"os": "linux", "architecture": platform}
        entries.append({"digest": one.digest, "size": len(one.body), "platform": system})
    said = small_image(host, repository, "tmp-said", "attestation")
    notes = {"vnd.docker.reference.type": "attestation-manifest"}
    nowhere = {"os": "unknown", "architecture": "unknown"}
    entries.append({"digest": said.digest, "size": len(said.body), "platform": nowhere})
    entries[-1]["annotations"] = notes
    for entry in entries:
        entry["mediaType"] = f"{OCI}.manifest.v1+json"
    kind = f"{OCI}.index.v1+json"
    body = {"schemaVersion": 2, "mediaType": kind, "manifests": entries}
    made = Manifest(json.dumps(body).encode(), kind)
    host.put(repository, tag, made)
    return made


def untag(host: str, repository: str, tag: str) -> None:
    """Take a tag away and leave its manifest, as an index pushed over it would."""
    in_registry(host, f"rm -r {repository}/_manifests/tags/{tag}")


class Quiet(BaseHTTPRequestHandler):
    """A server's side of HTTP without its log."""

    def log_message(self, *words: object) -> None:
        """Write nothing."""


@contextmanager
def serving(handler: type[Quiet]) -> Iterator[str]:
    """`127.0.0.1:PORT`, where that handler answers in a thread."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def a_token_server(folder: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Settings of a registry whose tokens it gives out, and the scopes that were asked for.

    It wants alice's password, lets everybody pull what is called `public`, and shows nobody the
    catalogue.
    """
    authority = trustme.CA()
    issued = authority.issue_cert("issuer.example.org")
    authority.cert_pem.write_to_path(folder / "issuers.pem")
    asked: list[str] = []

    class Handler(Quiet):
        def do_GET(self) -> None:
            """A token for what may be had of the scopes in the query."""
            query = parse_qs(urlparse(self.path).query).get("scope", [])
            scopes = [scope for words in query for scope in words.split()]
            asked.extend(scopes)
            known = self.headers.get("Authorization") == f"Basic {LOGIN}"
            given = [one for one in map(_access, scopes) if known or "public" in one["name"]]
            token = _token(issued, [one for one in given if one["type"] == "repository"])
            data = json.dumps({"token": token}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with serving(Handler) as host:
        realm = f"http://{host}/auth"
        names = {"REALM": realm, "SERVICE": "tests", "ISSUER": "ibx"}
        bundle = {"ROOTCERTBUNDLE": "/files/issuers.pem"}
        settings = {f"AUTH_TOKEN_{key}": value for key, value in {**names, **bundle}.items()}
        yield {"AUTH": "token", **settings}, asked


@contextmanager
def a_site(text: str) -> Iterator[str]:
    """The address of somebody else's page."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            """That page."""
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

    with serving(Handler) as host:
        yield f"http://{host}/"


@contextmanager
def a_breaking_proxy(host: str, most: int) -> Iterator[tuple[str, list[str]]]:
    """Another host of that registry, whose answers break off after so many bytes.

    The list has the `Range` of each request for a blob.
    """
    ranges: list[str] = []

    class Handler(Quiet):
        def do_GET(self) -> None:
            """Half of what the registry says."""
            asking = HTTPConnection(host)
            asking.request("GET", self.path, headers=dict(self.headers))
            answer = asking.getresponse()
            data = answer.read()
            if "/blobs/" in self.path:
                ranges.append(self.headers.get("Range", ""))
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[:most])
            self.close_connection = True
            asking.close()

    with serving(Handler) as place:
        yield place, ranges


def _access(scope: str) -> dict[str, Any]:
    kind, name, actions = scope.split(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _token(issued: trustme.LeafCert, access: list[dict[str, Any]]) -> str:
    """A JSON Web Token that the registry believes (docs/content/spec/auth/jwt.md)."""
    chain = [x509.load_pem_x509_certificate(pem.bytes()) for pem in issued.cert_chain_pems]
    x5c = [base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode() for one in chain]
    now = int(time.time())
    claims: dict[str, Any] = {"iss": "ibx", "aud": "tests", "sub": "", "access": access}
    claims |= {"iat": now, "nbf": now - 10, "exp": now + 60, "jti": "x"}
    head = {"typ": "JWT", "alg": "ES256", "x5c": x5c}
    text = f"{_encoded(json.dumps(head))}.{_encoded(json.dumps(claims))}"
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _encoded(data: str | bytes) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
