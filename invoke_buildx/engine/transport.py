"""Requests to one registry host: TLS, logins, kept connections, patience with a busy server."""

import os
import re
import ssl
from collections.abc import Mapping
from functools import cached_property
from http.client import responses
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from invoke_buildx.engine.connection import Answer, Connection, tcp
from invoke_buildx.engine.credentials import authorization, kept_login
from invoke_buildx.errors import EngineError
from invoke_buildx.project.reference import HUB, is_loopback
from invoke_buildx.project.settings import RegistrySettings

if TYPE_CHECKING:
    import requests

HUB_HOST = "registry-1.docker.io"
TIMEOUT = (5, 30)  # seconds: to connect, to be answered
TRIES = 4
BUSY = (429, 500, 502, 503, 504)
REPEATED = ("GET", "HEAD", "DELETE", "PUT", "POST")  # what has no body, or one in memory
BLOCK = 1 << 20  # bytes that are sent or read at once
CERTIFICATES = Path("/etc/docker/certs.d")
Body = Any  # bytes, something to read from, or None: what requests takes


class Transport:
    """One registry host, asked anonymously first and with the person's login if it says so."""

    def __init__(
        self,
        host: str,
        environ: Mapping[str, str] = os.environ,
        access: RegistrySettings | None = None,
    ) -> None:
        self.host, self.environ = host, environ
        self.access = access or _access_of_engine(host)
        trusted = bool(self.access.ca or self.access.cert)
        self.plain = self.access.http or (is_loopback(host) and not trusted)
        scheme = "http" if self.plain else "https"
        self.base = f"{scheme}://{HUB_HOST if host == HUB else host}"
        self._authorizations: dict[tuple[str, bool], str] = {}

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """The whole answer, whatever its status. Raises `EngineError` when there is none."""
        key = _key(method, path)
        if self._is_near and body is None and key not in self._authorizations:
            answer = self._ask_near(method, path, headers or {})
            if answer.status != 401 and answer.status not in BUSY:
                return answer
        with self.open(method, path, headers, body) as found:
            try:
                return Answer(found.status_code, found.headers, found.content)
            except OSError as problem:
                raise self._unreachable(problem) from None

    def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
    ) -> "requests.Response":
        """An answer whose body is read as it comes; a body that streams is sent once only."""
        key = _key(method, path)
        answer = self._send(method, path, headers or {}, body, key)
        if answer.status_code == 401 and (body is None or isinstance(body, bytes)):
            challenge = answer.headers.get("WWW-Authenticate", "")
            found = authorization(self._session, challenge, self._login)
            if found and found != self._authorizations.get(key):
                answer.close()
                self._authorizations[key] = found
                answer = self._send(method, path, headers or {}, body, key)
        return answer

    def failure(self, answer: Answer, path: str) -> EngineError:
        """An answer as an error, in the registry's own words; a query may hold a signature."""
        hint = f" Log in: docker login {self.host}" if answer.status in (401, 403) else ""
        where = path.partition("?")[0]
        return EngineError(
            f"The registry {self.host} answered {answer.status} to {where}:"
            f" {_reason(answer)}.{hint}"
        )

    @property
    def _is_near(self) -> bool:
        """On this machine, where a library costs more than the question."""
        return self.plain and is_loopback(self.host)

    @cached_property
    def _near(self) -> Connection:
        return tcp(self.host, TIMEOUT[1])

    def _ask_near(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        try:
            return self._near.ask(method, path, headers)
        except OSError as problem:
            raise self._unreachable(problem) from None

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Body,
        key: tuple[str, bool],
    ) -> "requests.Response":
        from requests import RequestException

        address = urljoin(self.base, path)
        sent = dict(headers)
        # Only the registry itself is told who we are, not where it sends us for an upload.
        if key in self._authorizations and urlsplit(address).netloc == urlsplit(self.base).netloc:
            sent["Authorization"] = self._authorizations[key]
        try:
            return self._session.request(
                method, address, headers=sent, data=body, timeout=TIMEOUT, stream=True
            )
        except (RequestException, OSError) as problem:
            raise self._unreachable(problem) from None

    @cached_property
    def _session(self) -> "requests.Session":
        # requests keeps connections and knows proxies and redirects; imported late: 70 ms.
        import requests

        session = requests.Session()
        # A proxy and a netrc file concern other hosts, never this machine's own registry.
        session.trust_env = not is_loopback(self.host)
        session.auth = _no_netrc
        for scheme in ("http://", "https://"):
            session.mount(scheme, _adapter(self.host, self.access))
        return session

    @cached_property
    def _login(self) -> Any:
        return kept_login(self.host, self.environ)

    def _unreachable(self, problem: Exception) -> EngineError:
        cause: BaseException = problem
        while (deeper := cause.__cause__ or cause.__context__) is not None:
            cause = deeper
        trust = " Name its CA: buildx.registries.HOST.ca" if isinstance(cause, ssl.SSLError) else ""
        return EngineError(
            f"The registry {self.host} cannot be reached ({type(cause).__name__}).{trust}"
        )


def _adapter(host: str, access: RegistrySettings) -> "requests.adapters.HTTPAdapter":
    """How connections are made: whom to trust, who we are, how often to try again."""
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    context = ssl.create_default_context()  # the system's CAs, or SSL_CERT_FILE
    try:
        if access.ca:
            context.load_verify_locations(access.ca)
        if access.cert:
            context.load_cert_chain(access.cert, access.key)
    except (OSError, ssl.SSLError) as problem:
        raise EngineError(f"The certificates for {host} cannot be used: {problem}") from None

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, ssl_context=context, blocksize=BLOCK, **kwargs)

    retry = Retry(
        TRIES,
        connect=1,
        read=1,
        status_forcelist=BUSY,
        allowed_methods=REPEATED,
        backoff_factor=0.3,
        raise_on_status=False,
    )
    return Adapter(max_retries=retry, pool_maxsize=8)


def _access_of_engine(host: str) -> RegistrySettings:
    """The CA and client certificate that this machine's engine would use for that host."""
    folder = CERTIFICATES / host

    def first(pattern: str) -> str | None:
        return next((str(path) for path in sorted(folder.glob(pattern))), None)

    cert = first("*.cert")
    return RegistrySettings(ca=first("*.crt"), cert=cert, key=first("*.key") if cert else None)


def _key(method: str, path: str) -> tuple[str, bool]:
    """What one authorization is good for: a repository, and whether it is written to."""
    found = re.search(r"/v2/(.+)/(?:manifests|blobs|tags|referrers)/", path)
    return (found[1] if found else "", method not in ("GET", "HEAD"))


def _no_netrc(request: Any) -> Any:
    """Keep requests from putting a login of its own into the header."""
    return request


def _reason(answer: Answer) -> str:
    """The registry's own message, or HTTP's."""
    try:
        errors = answer.json()["errors"]
        return "; ".join(str(error.get("message") or error.get("code")) for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        return responses.get(answer.status, "no reason given")
