"""What a verb works with: the shell that acts, the engine that answers, the environment."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO

from invoke_buildx.engine.buildx import recorded_builder
from invoke_buildx.engine.command import Shell, command
from invoke_buildx.engine.daemon import Daemon, active_context
from invoke_buildx.errors import EngineError


@dataclass(frozen=True)
class Machine:
    """This machine as Docker sees it: one engine, reached the way the docker command would."""

    shell: Shell = field(default_factory=Shell)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @cached_property
    def daemon(self) -> Daemon:
        """The engine of the active context."""
        return Daemon(self.environ)

    @cached_property
    def context(self) -> str:
        """The Docker context that is in force."""
        return active_context(self.environ)

    def driver(self, builder: str) -> str | None:
        """The driver of a builder, None while buildx knows none of that name."""
        if builder not in self._drivers:
            recorded = recorded_builder(builder, self.environ)
            if recorded is None:
                return None  # it may be made at any time
            self._drivers[builder] = recorded.driver
        return self._drivers[builder]

    @cached_property
    def _drivers(self) -> dict[str, str]:
        return {}

    @property
    def cache(self) -> Path:
        """Where this user's programs keep what can be made again (XDG base directories)."""
        configured = self.environ.get("XDG_CACHE_HOME", "")
        home = Path(self.environ.get("HOME", "/"))
        top = Path(configured) if configured.startswith("/") else home / ".cache"
        return top / "invoke-buildx"

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Hold a lock of this user, so that two runs do not create the same thing at once.

        Yields whether another run had to be waited for.
        """
        if self.shell.dry:
            yield False
            return
        with self._lock_file(name) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                waited = False
            except BlockingIOError:
                fcntl.flock(lock, fcntl.LOCK_EX)
                waited = True
            yield waited

    def _lock_file(self, name: str) -> IO[str]:
        path = self.cache / f"{_file_name(name)}.lock"
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            return path.open("w")
        except OSError as problem:
            raise EngineError(
                f"{path} cannot be written to ({problem.strerror})."
                " Say where else: XDG_CACHE_HOME=/var/tmp/$USER"
            ) from None

    def write(self, path: Path, text: str) -> None:
        """Write a file by commands, so that a dry run prints them."""
        self.shell.run_quietly(command("mkdir", "-p", str(path.parent)))
        self.shell.run_quietly(command("tee", str(path), stdin=text))


def _file_name(name: str) -> str:
    """The name itself, or a hash where a file system would find it too long."""
    return name if len(name) < 100 else hashlib.sha256(name.encode()).hexdigest()
