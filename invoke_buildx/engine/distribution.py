"""The registry API v2 over requests: what a registry holds.

Rules: the OCI distribution specification 1.1, and the distribution project's token
authentication (docs/content/spec/auth/token.md).
"""

import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from http.client import responses
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from invoke_buildx.engine.connection import Answer, Connection, tcp
from invoke_buildx.errors import EngineError
from invoke_buildx.project.platforms import own_platform
from invoke_buildx.project.reference import HUB, is_loopback

if TYPE_CHECKING:
    import requests

TIMEOUT = (5, 30)  # seconds: to connect, to be answered
PAGE = 1000
MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
HUB_HOST, HUB_LOGIN = "registry-1.docker.io", "https://index.docker.io/v1/"


class Registry:
    """One registry host, asked anonymously first and with the person's login if it says so."""

    def __init__(self, host: str, environ: Mapping[str, str] = os.environ) -> None:
        self.host = host
        self.environ = environ
        scheme = "http" if is_loopback(host) else "https"
        self.base = f"{scheme}://{HUB_HOST if host == HUB else host}"

    def repositories(self) -> list[str]:
        """Every repository of the catalogue, page by page."""
        path = f"/v2/_catalog?n={PAGE}"
        return [name for page in self._pages(path) for name in page.get("repositories") or ()]

    def tags(self, repository: str) -> list[str]:
        """Every tag of a repository, none if it is unknown or empty."""
        path = f"/v2/{repository}/tags/list?n={PAGE}"
        return sorted(tag for page in self._pages(path) for tag in page.get("tags") or ())

    def digest(self, repository: str, reference: str) -> str | None:
        """The digest of a tag's manifest, None when the registry does not hold it."""
        answer = self._ask("HEAD", f"/v2/{repository}/manifests/{reference}")
        return None if answer is None else answer.headers.get("Docker-Content-Digest")

    def config(self, repository: str, reference: str) -> dict[str, Any]:
        """The configuration of the image of that tag or digest: its labels, its platform.

        Of an index it is that of the first image for this machine's platform, else of the first.
        """
        manifest = self.manifest(repository, reference) or {}
        if "manifests" in manifest:
            manifest = self.manifest(repository, _one_of(manifest["manifests"])) or {}
        digest = manifest.get("config", {}).get("digest")
        answer = self._ask("GET", f"/v2/{repository}/blobs/{digest}") if digest else None
        return {} if answer is None else {"id": digest, **answer.json()}

    def manifest(self, repository: str, reference: str) -> dict[str, Any] | None:
        """The manifest or index of a tag or digest, None when the registry does not hold it."""
        answer = self._ask("GET", f"/v2/{repository}/manifests/{reference}")
        return None if answer is None else dict(answer.json())

    @cached_property
    def _session(self) -> "requests.Session":
        # requests reuses connections, knows proxies and CAs; imported late: 70 ms.
        import requests

        session = requests.Session()
        # A proxy and a netrc file concern other hosts, never this machine's own registry.
        session.trust_env = not is_loopback(self.host)
        session.headers.update(ACCEPT)
        return session

    @cached_property
    def _plain(self) -> Connection:
        return tcp(self.host, TIMEOUT[1])

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        following: str | None = path
        while following:
            answer = self._ask("GET", following)
            if answer is None:
                return
            yield answer.json()
            # The Link header is relative in some registries and absolute in others.
            following = _next_page(answer.headers.get("Link", ""))

    def _ask(self, method: str, path: str) -> Answer | None:
        """The answer, None for a 404. Raises `EngineError` in the registry's own words."""
        answer = self._send(method, path)
        if answer.status == 401 and self._log_in(answer.headers.get("WWW-Authenticate", "")):
            answer = self._send_logged_in(method, path)
        if answer.status == 404:
            return None
        if answer.status >= 400:
            raise EngineError(
                f"The registry {self.host} answered {answer.status} to {path}:"
                f" {_reason(answer)}. {self._login_hint(answer.status)}".rstrip()
            )
        return answer

    def _send(self, method: str, path: str) -> Answer:
        """Without a library for this machine's own registry, which seldom wants a login."""
        if not is_loopback(self.host) or "_session" in vars(self):
            return self._send_logged_in(method, path)
        try:
            return self._plain.ask(method, path, ACCEPT)
        except OSError as problem:
            raise EngineError(
                f"The registry {self.host} cannot be reached ({type(problem).__name__})."
            ) from None

    def _send_logged_in(self, method: str, path: str) -> Answer:
        from requests import RequestException

        try:
            answer = self._session.request(method, urljoin(self.base, path), timeout=TIMEOUT)
        except RequestException as problem:
            reason = type(problem).__name__
            raise EngineError(f"The registry {self.host} cannot be reached ({reason}).") from None
        return Answer(answer.status_code, answer.headers, answer.content)

    def _log_in(self, challenge: str) -> bool:
        """Follow a WWW-Authenticate header; False when it cannot be followed."""
        kind, _, rest = challenge.partition(" ")
        login = self._login()
        if kind.lower() == "basic" and login:
            self._session.auth = login
            return True
        if kind.lower() != "bearer":
            return False
        fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = fields.pop("realm", None)
        token = self._token(realm, fields, login) if realm else None
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        return token is not None

    def _token(
        self, realm: str, query: dict[str, str], login: tuple[str, str] | None
    ) -> str | None:
        from requests import RequestException, get

        try:
            answer = get(realm, params=query, auth=login, timeout=TIMEOUT)
            body = answer.json() if answer.ok else {}
        except (RequestException, ValueError):
            return None
        found = body.get("token") or body.get("access_token")
        return str(found) if found else None

    def _login(self) -> tuple[str, str] | None:
        """User name and password from the Docker config or its credential helper."""
        # The SDK reads every form of login that the docker command writes.
        from docker.auth import load_config
        from docker.errors import DockerException

        folder = self.environ.get("DOCKER_CONFIG")
        try:
            config = load_config(f"{folder}/config.json" if folder else None)
            found = config.resolve_authconfig(HUB_LOGIN if self.host == HUB else self.host)
        except DockerException as problem:
            raise EngineError(f"The login for {self.host} cannot be read: {problem}") from None
        # A helper's answer has its keys in upper case, a line of the file in lower case.
        login = {key.lower(): value for key, value in (found or {}).items()}
        return (login["username"], login.get("password") or "") if login.get("username") else None

    def _login_hint(self, status: int) -> str:
        return f"Log in: docker login {self.host}" if status in (401, 403) else ""


def _next_page(link: str) -> str | None:
    """The address in a Link header that leads on (RFC 8288), None on the last page."""
    found = re.search(r"""<([^>]*)>\s*;[^,]*rel="?next\b""", link)
    return found[1] if found else None


def _one_of(manifests: list[dict[str, Any]]) -> str:
    """The digest of the entry for this machine; attestations are for no machine."""
    system, _, architecture = own_platform().partition("/")
    fitting = {"os": system, "architecture": architecture}.items()
    mine = [entry for entry in manifests if fitting <= (entry.get("platform") or {}).items()]
    return str((mine or manifests)[0]["digest"])


def _reason(answer: Answer) -> str:
    """The registry's own message, or HTTP's."""
    try:
        errors = answer.json()["errors"]
        return "; ".join(str(error.get("message") or error.get("code")) for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return responses.get(answer.status, "no reason given")
