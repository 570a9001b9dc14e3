"""Who one is at a registry: the login that the docker command has kept, and tokens for it.

Rules: the distribution project's token authentication (docs/content/spec/auth: token.md and
oauth.md).
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke_buildx.errors import EngineError
from invoke_buildx.project.reference import HUB

if TYPE_CHECKING:
    import requests

HUB_LOGIN = "https://index.docker.io/v1/"
CLIENT = "invoke-buildx"
SECONDS = 30


@dataclass(frozen=True)
class Login:
    """A user name with its password, or a token that stands for both; never shown."""

    username: str
    password: str
    identity_token: str = ""

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def kept_login(host: str, environ: Mapping[str, str]) -> Login | None:
    """The login in the Docker config or its credential helper. Raises `EngineError`."""
    # The SDK reads every form of login that the docker command writes.
    from docker.auth import load_config
    from docker.errors import DockerException

    folder = environ.get("DOCKER_CONFIG")
    try:
        config = load_config(f"{folder}/config.json" if folder else None)
        found = config.resolve_authconfig(HUB_LOGIN if host == HUB else host)
    except DockerException as problem:
        raise EngineError(f"The login for {host} cannot be read: {problem}") from None
    # A helper's answer has its keys in upper case, a line of the file in lower case.
    login = {key.lower(): value for key, value in (found or {}).items()}
    token = str(login.get("identitytoken") or "")
    if not login.get("username") and not token:
        return None
    return Login(login.get("username") or "", login.get("password") or "", token)


def authorization(session: "requests.Session", challenge: str, login: Login | None) -> str | None:
    """The header that answers a WWW-Authenticate header, None when there is none to give."""
    kind, _, rest = challenge.partition(" ")
    if kind.lower() == "basic":
        return login.basic if login else None
    fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    realm = fields.pop("realm", "")
    if kind.lower() != "bearer" or not realm:
        return None
    query = {key: fields[key] for key in ("service", "scope") if key in fields}
    token = _token(session, realm, query, login)
    return f"Bearer {token}" if token else None


def _token(
    session: "requests.Session",
    realm: str,
    query: dict[str, str],
    login: Login | None,
) -> str | None:
    """A token from the server of the realm; a kept identity token is exchanged for one."""
    from requests import RequestException

    try:
        if login and login.identity_token:
            form = {**query, "grant_type": "refresh_token", "client_id": CLIENT}
            form |= {"refresh_token": login.identity_token}
            answer = session.post(realm, data=form, timeout=SECONDS)
        else:
            header = {"Authorization": login.basic} if login else {}
            answer = session.get(realm, params=query, headers=header, timeout=SECONDS)
        body = answer.json() if answer.ok else {}
    except (RequestException, ValueError):
        return None
    found = body.get("token") or body.get("access_token")
    return str(found) if found else None
