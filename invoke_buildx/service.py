"""A registry program in a container of ours: whether it runs, its start, its end, its data."""

import hashlib
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from invoke_buildx.engine.command import Command, command
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import CommandError, EngineError, command_line

IMAGE = "registry:2"
PROJECT_LABEL = "invoke-buildx.project"
SETTINGS_LABEL = "invoke-buildx.settings"
DATA = "/var/lib/registry"
START_SECONDS = 15


@dataclass(frozen=True)
class Service:
    """A registry on this machine, reachable from loopback only.

    `name` is that of its container, and of its volume unless `folder` holds its data; `files` are
    paths of this machine by where the program finds them; `environ` are its settings; `upstream` is
    the registry whose images it keeps, if it is a cache.
    """

    host: str
    name: str
    folder: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    tls: bool = False
    upstream: str = ""

    @property
    def data(self) -> str:
        """Where its data is: a folder of this machine or the name of a volume."""
        return str(self.folder or self.name)


@dataclass(frozen=True)
class ServiceState:
    """`state` is running, stopped, absent, or foreign: somebody else's registry answers.

    `differs` says that it was started with other settings or from an older image.
    """

    host: str
    container: str
    data: str
    state: str
    differs: bool = False


def start_command(service: Service, owner: str) -> Command:
    """Start it, again and again with the engine, its data outliving it."""
    settings = _settings(service)
    label = hashlib.sha256("\0".join(settings).encode()).hexdigest()[:16]
    return command(
        *("docker", "run", "--detach", "--name", service.name),
        *("--label", f"{PROJECT_LABEL}={owner}", "--label", f"{SETTINGS_LABEL}={label}"),
        *settings,
        IMAGE,
    )


def _settings(service: Service) -> list[str]:
    port = port_of(service.host)
    address = "[::1]" if service.host.startswith("[") else "127.0.0.1"
    kind = "bind" if service.folder else "volume"
    return [
        *("--restart", "unless-stopped", "--publish", f"{address}:{port}:5000"),
        *("--mount", f"type={kind},source={service.data},target={DATA}"),
        *(
            word
            for target, path in service.files.items()
            for word in ("--mount", f"type=bind,source={path},target={target},readonly")
        ),
        *(
            word
            for name, value in service.environ.items()
            for word in ("--env", f"REGISTRY_{name}={value}")
        ),
    ]


def service_state(service: Service, machine: Machine) -> ServiceState:
    """Whether it runs, and as it is wanted.

    Raises `EngineError` for a container of that name that is not ours.
    """
    container = machine.daemon.container(service.name)
    if container is None:
        state = "foreign" if answers_as_registry(service.host, tls=service.tls) else "absent"
        return ServiceState(service.host, service.name, service.data, state)
    labels = container["Config"]["Labels"] or {}
    if PROJECT_LABEL not in labels:
        raise EngineError(
            f"The container '{service.name}' was not created by this tool, so it is left alone."
            f" Rename it or remove it: docker rm {service.name}"
        )
    wanted = f"{SETTINGS_LABEL}={labels.get(SETTINGS_LABEL)}"
    image = machine.daemon.image(IMAGE)
    differs = wanted not in start_command(service, "").argv or (
        image is not None and image.id != container["Image"]
    )
    state = "running" if container["State"]["Running"] else "stopped"
    return ServiceState(service.host, service.name, service.data, state, differs)


def ensure_service(service: Service, owner: str, machine: Machine) -> bool:
    """Start it unless it, or another registry there, answers; True if it was started.

    One that runs is left alone, whatever its settings: others may be using it. Raises
    `EngineError` when something else holds the port.
    """
    with machine.alone(service.name):
        found = service_state(service, machine)
        if found.state in ("running", "foreign"):
            return False
        if found.state == "stopped" and found.differs:
            machine.shell.run_quietly(command("docker", "rm", service.name))
        refuse_taken_port(service.host, machine)
        if found.state == "stopped" and not found.differs:
            machine.shell.run_quietly(command("docker", "start", service.name))
        else:
            _create(service, owner, machine)
        if not machine.shell.dry:
            await_answer(service.host, tls=service.tls)
    return True


def remove_outdated(service: Service, machine: Machine) -> bool:
    """Remove its container if it was started with other settings or from an older image."""
    found = service_state(service, machine)
    return found.differs and stop_service(service, machine)


def stop_service(service: Service, machine: Machine) -> bool:
    """Remove its container, keep its data; True if there was one."""
    if service_state(service, machine).state in ("absent", "foreign"):
        return False
    machine.shell.run_quietly(command("docker", "rm", "--force", service.name))
    return True


def delete_data(service: Service, machine: Machine) -> None:
    """Remove its volume, which its container has had to itself."""
    if machine.daemon.volume(service.name):
        machine.shell.run_quietly(command("docker", "volume", "rm", service.name))


def refuse_data_of_others(service: Service, machine: Machine) -> None:
    """Raise `EngineError` for a registry that is not ours, or a folder, which may hold more."""
    if service_state(service, machine).state == "foreign":
        raise EngineError(f"The registry at {service.host} was not started by this tool.")
    if service.folder:
        raise EngineError(
            f"The data of {service.host} is in {service.folder}, a folder of yours, so it is left"
            f" alone. Delete it yourself: sudo rm -r {service.folder / 'docker'}"
        )


def answers_as_registry(host: str, *, tls: bool = False) -> bool:
    """Whether a registry listens there; decided by its answer to `/v2/`, within a second."""
    import ssl
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    if tls:
        # Only whether it is there: who it is, its clients check.
        unchecked = ssl._create_unverified_context()  # noqa: S323, SLF001
        connection: HTTPConnection = HTTPSConnection(host, timeout=1, context=unchecked)
    else:
        connection = HTTPConnection(host, timeout=1)
    try:
        connection.request("GET", "/v2/")
        answer = connection.getresponse()
        version = answer.getheader("Docker-Distribution-Api-Version", "")
        return answer.status in (200, 401) and version.startswith("registry/2")
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def await_answer(host: str, *, tls: bool = False) -> None:
    """Wait until the registry there answers. Raises `EngineError` when it does not."""
    for _ in range(START_SECONDS * 20):
        if answers_as_registry(host, tls=tls):
            return
        time.sleep(0.05)  # a registry offers nothing to wait on
    raise EngineError(
        f"The registry at {host} did not answer within {START_SECONDS} s."
        f" Look at: docker ps --all --filter publish={port_of(host)}; docker logs NAME"
    )


def port_of(host: str) -> int:
    """The port of a registry host; 80 where none is written, as for any plain HTTP host."""
    found = re.search(r":(\d+)$", host)
    return int(found[1]) if found else 80


def refuse_taken_port(host: str, machine: Machine) -> None:
    """Raise `EngineError` that names who listens on the registry's port, if anybody does."""
    port = port_of(host)
    try:
        with socket.create_connection(("localhost", port), timeout=1):
            pass
    except OSError:
        return
    raise EngineError(
        f"Port {port} is taken by {_port_holder(port, machine)}, so no registry can listen on it."
        f" Free it, or choose another: INVOKE_BUILDX_REGISTRY=localhost:{port + 1}"
        f" {command_line('registry.up')}"
    )


def _create(service: Service, owner: str, machine: Machine) -> None:
    for path in service.files.values():
        if not path.is_file():
            raise EngineError(f"The settings under buildx.local name {path}, which is no file.")
    if service.folder:
        machine.shell.run_quietly(command("mkdir", "-p", str(service.folder)))
    try:
        machine.shell.run_quietly(start_command(service, owner))
    except BaseException as failure:
        # docker leaves a container that it could create but not start.
        machine.shell.try_ask(command("docker", "rm", "--force", service.name))
        if not isinstance(failure, CommandError):
            raise
        hint = f"What this machine lacks: {command_line('doctor')}"
        raise EngineError(f"{failure}\n{hint}") from None


def _port_holder(port: int, machine: Machine) -> str:
    for container in machine.daemon.containers():
        if any(entry.get("PublicPort") == port for entry in container.get("Ports") or ()):
            return f"the container '{container['Names'][0].lstrip('/')}'"
    return _listening_process(port) or "another program"


def _listening_process(port: int) -> str | None:
    """The program that listens on that port, as far as /proc tells it to us."""
    inodes = {
        words[9]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if (words := line.split())[3] == "0A" and int(words[1].rsplit(":", 1)[1], 16) == port
    }
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.removeprefix("socket:[").rstrip("]") in inodes and target.startswith("socket"):
            process = entry.parents[1]
            return f"'{(process / 'comm').read_text().strip()}' (process {process.name})"
    return None
