"""What engine tests and measurements work with: project folders, and the world they share."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from projects import REPOSITORY

from invoke_buildx.engine.distribution import Registry

BASE = "debian:bookworm"
LABEL = "invoke-buildx.project"


def docker(*argv: str, check: bool = True) -> str:
    """The output of the docker command."""
    done = subprocess.run(["docker", *argv], capture_output=True, text=True, check=check)
    return done.stdout.strip()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Folder:
    """A project folder in which `inv` can be called as a person would."""

    path: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """A file of the project."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
        return target

    def image(self, name: str, text: str) -> None:
        """An image template."""
        self.write(f"dockerfiles/{name}/Dockerfile.j2", text)

    def argv(self, *words: str) -> list[str]:
        """The command that runs these words in Invoke."""
        return [sys.executable, "-m", "invoke", *words]

    def inv(
        self,
        *words: str,
        code: int = 0,
        stdin: str | bytes = b"",
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Call Invoke, and see that it ends with this code."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            self.argv(*words),
            cwd=cwd or self.path,
            env={**os.environ, "COLUMNS": "200", **self.environ, **(environ or {})},
            input=data,
            capture_output=True,
            check=False,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == code, f"{words} ended with {done.returncode}\n{out}\n{err}"
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    @contextmanager
    def started(
        self, *words: str, until: bytes, environ: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A call of Invoke in a session of its own that has written a line with these bytes."""
        with subprocess.Popen(
            self.argv(*words),
            cwd=self.path,
            env={**os.environ, **self.environ, **(environ or {})},
            stderr=subprocess.PIPE,
            start_new_session=True,
            # A shell has its background jobs ignore Ctrl-C; in a terminal nobody does.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        ) as running:
            assert running.stderr
            for line in running.stderr:
                if until in line:
                    break
            yield running


@dataclass(frozen=True)
class World:
    """What all engine tests share: a namespace, and a registry that mirrors the base image."""

    namespace: str
    registry: str

    def ref(self, label: str) -> str:
        """The full name of an image."""
        return f"{self.registry}/{self.namespace}/{label}"

    def forget(self, *names: str) -> None:
        """Have images of that name in neither engine nor registry."""
        for name in names:
            docker("rmi", "--force", self.ref(f"{name}:latest"), check=False)
            self.forget_pushed(name)

    def forget_pushed(self, name: str) -> None:
        """Delete an image from the registry, if it is there."""
        registry = Registry(self.registry)
        path = f"{self.namespace}/{name}"
        digest = registry.digest(path, "latest")
        if digest:
            url = f"http://{self.registry}/v2/{path}/manifests/{digest}"
            with urllib.request.urlopen(urllib.request.Request(url, method="DELETE")):
                pass


def settings_text(world: World, images: Sequence[str] = ()) -> str:
    """An invoke.yaml for that world, with these lines under `images`."""
    lines = ["buildx:", f"  registry: {world.registry}", f"  namespace: {world.namespace}"]
    return "\n".join([*lines, *(["  images:", *images] if images else [])]) + "\n"


@contextmanager
def a_world(path: Path, namespace: str) -> Iterator[World]:
    """Registry, builder and namespace of one's own, made by the tool itself, removed at the end."""
    made = World(namespace, f"localhost:{free_port()}")
    folder = Folder(path)
    shutil.copy(REPOSITORY / "tasks.py", folder.path)
    folder.write("invoke.yaml", settings_text(made))
    folder.image("base", f"FROM {BASE}\n")
    folder.inv("doctor", "--fix")
    try:
        yield made
    finally:
        folder.inv("builder.rm")
        folder.inv("registry.down")
        docker("volume", "rm", f"invoke-buildx-registry-{made.registry.partition(':')[2]}")
        images = docker("images", "--quiet", "--filter", f"label={LABEL}={namespace}").split()
        if images:
            docker("rmi", "--force", *dict.fromkeys(images), check=False)
