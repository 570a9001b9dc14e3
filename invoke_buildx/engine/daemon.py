"""Questions to the Docker engine of the active context; nothing here changes anything.

The plain local socket is asked with the standard library (3 ms); contexts, TLS and ssh are
left to the Docker SDK, which follows the CLI's rules but takes 90 ms to import.
"""

import grp
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from invoke_buildx.engine.connection import Connection, unix
from invoke_buildx.errors import EngineError, command_line

DEFAULT_SOCKET = "/var/run/docker.sock"
TIMEOUT = 20.0  # seconds; the engine can be slow to list images while it pulls


@dataclass(frozen=True)
class LocalImage:
    """An image that the engine holds: its id, its tags, repository digests and labels."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    labels: Mapping[str, str]


class Daemon:
    """The engine that the docker command would talk to with this environment."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self.environ = environ

    def image(self, reference: str) -> LocalImage | None:
        """The image of that reference or id, None when the engine does not hold it."""
        found = self._get(f"/images/{quote(reference, safe='/:@')}/json")
        if found is None:
            return None
        labels = (found.get("Config") or {}).get("Labels") or {}
        tags, digests = found.get("RepoTags") or (), found.get("RepoDigests") or ()
        return LocalImage(found["Id"], tuple(tags), tuple(digests), labels)

    def images(self, label: str) -> list[LocalImage]:
        """Every image that carries the label `label` (`KEY` or `KEY=VALUE`)."""
        found = self._get("/images/json", filters=json.dumps({"label": [label]})) or []
        return [
            LocalImage(
                entry["Id"],
                tuple(entry.get("RepoTags") or ()),
                tuple(entry.get("RepoDigests") or ()),
                entry.get("Labels") or {},
            )
            for entry in found
        ]

    def container(self, name: str) -> dict[str, Any] | None:
        """The engine's description of a container, None when there is none."""
        found: dict[str, Any] | None = self._get(f"/containers/{quote(name)}/json")
        return found

    def containers(self) -> list[dict[str, Any]]:
        """A short description of every container that runs."""
        return list(self._get("/containers/json") or [])

    def log(self, container: str, since: float) -> str:
        """What a container has written since that time (seconds since 1970); its end at most."""
        query = {"stdout": "1", "stderr": "1", "since": str(int(since)), "tail": "200"}
        return self._text(f"/containers/{quote(container)}/logs", **query) or ""

    def volume(self, name: str) -> dict[str, Any] | None:
        """The engine's description of a volume, None when there is none."""
        found: dict[str, Any] | None = self._get(f"/volumes/{quote(name)}")
        return found

    def info(self) -> dict[str, Any]:
        """What the engine says of itself. Raises `EngineError` when it does not answer."""
        return dict(self._get("/info") or {})

    def version(self) -> str:
        """The engine's version. Raises `EngineError` when it does not answer."""
        return str((self._get("/version") or {}).get("Version", "unknown"))

    def _get(self, path: str, **query: str) -> Any:
        body = self._text(path, **query)
        return None if body is None else json.loads(body)

    def _text(self, path: str, **query: str) -> str | None:
        full = f"{path}?{urlencode(query)}" if query else path
        status, body = self._ask_sdk(full) if self.socket is None else self._ask_socket(full)
        if status == 404:
            return None
        if status >= 400:
            raise EngineError(f"The Docker engine answered {status} to {path}: {body.strip()}")
        return body

    @cached_property
    def socket(self) -> str | None:
        """The local socket's path, None where a context, TLS or another host is in force."""
        host = self.environ.get("DOCKER_HOST", "")
        if host:
            return host.removeprefix("unix://") if host.startswith("unix:///") else None
        return DEFAULT_SOCKET if active_context(self.environ) == "default" else None

    @cached_property
    def _connection(self) -> Connection:
        return unix(str(self.socket), TIMEOUT)

    def _ask_socket(self, path: str) -> tuple[int, str]:
        try:
            answer = self._connection.ask("GET", path)
        except PermissionError:
            raise EngineError(_no_permission(str(self.socket))) from None
        except OSError as problem:
            raise EngineError(
                f"No Docker engine answers at {self.socket} ({problem})."
                f" Start it: {command_line('doctor --fix')}"
            ) from None
        return answer.status, answer.body.decode(errors="replace")

    def _ask_sdk(self, path: str) -> tuple[int, str]:
        # The SDK knows contexts, TLS folders and ssh as the CLI does; imported late: 90 ms.
        import docker
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            api = docker.from_env(environment=dict(self.environ), use_ssh_client=True).api
            answer = api.get(f"{api.base_url}/v{api.api_version}{path}", timeout=TIMEOUT)
        except (DockerException, RequestException, OSError) as problem:
            raise EngineError(
                f"The Docker engine of context '{active_context(self.environ)}' does not"
                f" answer ({problem}). See: docker context ls"
            ) from None
        return answer.status_code, answer.text


def active_context(environ: Mapping[str, str]) -> str:
    """The context that the docker command would use: DOCKER_HOST, DOCKER_CONTEXT, its config."""
    if environ.get("DOCKER_HOST"):
        return "default"
    if environ.get("DOCKER_CONTEXT"):
        return environ["DOCKER_CONTEXT"]
    try:
        config = json.loads((docker_config_folder(environ) / "config.json").read_text())
    except (OSError, ValueError):
        return "default"
    return str(config.get("currentContext") or "default")


def docker_config_folder(environ: Mapping[str, str]) -> Path:
    """Where the docker command keeps its settings: DOCKER_CONFIG, else ~/.docker."""
    configured = environ.get("DOCKER_CONFIG")
    return (
        Path(configured) if configured else Path(environ.get("HOME", "~")).expanduser() / ".docker"
    )


def _no_permission(path: str) -> str:
    try:
        gid = Path(path).stat().st_gid
    except OSError:
        return f"You may not reach the Docker engine's socket {path}."
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = f"gid {gid}"
    return (
        f"You may not use the Docker engine's socket {path}: it belongs to the group '{group}'."
        f' Join it, then log in again: sudo usermod -aG {group} "$USER"'
    )
