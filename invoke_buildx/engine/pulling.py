"""Pulls by the engine's own API: a process of docker for each costs as much as a small image."""

import json
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from socket import SHUT_RDWR
from urllib.parse import urlencode

from invoke_buildx.engine.command import Shell, command, ended_by_signals
from invoke_buildx.engine.connection import SocketConnection
from invoke_buildx.engine.daemon import Daemon
from invoke_buildx.errors import CommandError
from invoke_buildx.project.reference import Reference

# What the docker command does besides, when it is told to.
ONLY_BY_COMMAND = ("DOCKER_CONTENT_TRUST", "DOCKER_DEFAULT_PLATFORM")


def pull(shell: Shell, daemon: Daemon, reference: Reference) -> None:
    """Have the engine pull an image; by the docker command where a login or more is wanted.

    Raises `CommandError`, in the docker command's own words.
    """
    shown = command("docker", "pull", "--quiet", str(reference))
    needs_command = any(daemon.environ.get(name) for name in ONLY_BY_COMMAND)
    path = None if needs_command else daemon.socket
    if path is None or shell.perform(shown, Pull(path, reference).run) is False:
        shell.run_quietly(shown)


class Pull:
    """One pull, which a signal ends as it ends a process."""

    def __init__(self, path: str, reference: Reference) -> None:
        name = {"fromImage": reference.name, "tag": str(reference.digest or reference.tag)}
        self.target = f"/images/create?{urlencode(name)}"
        self.connection = SocketConnection(path, timeout=None)
        self.is_ended = False

    def run(self) -> bool:
        """Whether the engine holds the image now. Raises `CommandError` when it was ended."""
        with ended_by_signals(self):
            try:
                self.connection.request("POST", self.target)
                answer = self.connection.getresponse()
                lines = answer.read().splitlines()
            except (OSError, HTTPException):
                if self.is_ended:
                    raise CommandError("The pull was interrupted.", 130) from None
                return False
            finally:
                self.connection.close()
        # The engine answers 200 at once, and says how it ended in its last line.
        return answer.status == 200 and bool(lines) and not _failed(json.loads(lines[-1]))

    def terminate(self) -> None:
        """End it; the engine gives up what nobody waits for."""
        self.is_ended = True
        with suppress(OSError, AttributeError):
            self.connection.sock.shutdown(SHUT_RDWR)


def _failed(said: Mapping[str, object]) -> bool:
    return "error" in said or "errorDetail" in said
