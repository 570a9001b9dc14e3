"""The registry on this machine: started and stopped here, reachable from loopback only."""

import re
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from invoke_buildx.engine.command import Command, command
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import CommandError, EngineError, command_line
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import is_loopback
from invoke_buildx.project.settings import Settings

IMAGE = "registry:2"
PROJECT_LABEL = "invoke-buildx.project"
START_SECONDS = 15


@dataclass(frozen=True)
class RegistryState:
    """`state` is running, stopped, absent, or foreign: somebody else's registry answers."""

    host: str
    container: str
    volume: str
    state: str


def local_registry(project: Project) -> str:
    """`localhost:PORT`: where images are delivered and bases are mirrored on this machine."""
    registry = project.settings.registry
    return registry if is_loopback(registry) else f"localhost:{project.settings.local.port}"


def registry_at(project: Project, machine: Machine, host: str) -> Registry:
    """A registry as the project's settings say it is reached."""
    access = project.settings.registries.get(host)
    if access:
        ca, cert, key = (
            str(project.root / path) if path else None
            for path in (access.ca, access.cert, access.key)
        )
        access = replace(access, ca=ca, cert=cert, key=key)
    return Registry(host, machine.environ, access)


def container_name(host: str) -> str:
    """The name of the container, and of its volume, that serves that local host."""
    return f"invoke-buildx-registry-{port_of(host)}"


def port_of(host: str) -> int:
    """The port of a registry host; 80 where none is written, as for any plain HTTP host."""
    found = re.search(r":(\d+)$", host)
    return int(found[1]) if found else 80


def run_registry(host: str, owner: str) -> Command:
    """Start a registry that only this machine can reach and whose data outlives it."""
    port, name = port_of(host), container_name(host)
    address = "[::1]" if host.startswith("[") else "127.0.0.1"
    return command(
        *("docker", "run", "--detach", "--name", name),
        *("--label", f"{PROJECT_LABEL}={owner}", "--restart", "unless-stopped"),
        *("--publish", f"{address}:{port}:5000", "--volume", f"{name}:/var/lib/registry"),
        *("--env", "REGISTRY_STORAGE_DELETE_ENABLED=true"),
        *("--env", "REGISTRY_LOG_ACCESSLOG_DISABLED=true", IMAGE),
    )


def registry_state(project: Project, machine: Machine) -> RegistryState:
    """Whether the local registry runs, and whether it is ours."""
    host = local_registry(project)
    name = container_name(host)
    container = machine.daemon.container(name)
    if container is not None:
        _refuse_foreign(container, name)
        state = "running" if container["State"]["Running"] else "stopped"
    else:
        state = "foreign" if answers_as_registry(host) else "absent"
    return RegistryState(host, name, name, state)


def ensure_registry(project: Project, machine: Machine) -> bool:
    """Start the local registry unless one answers; True if it was started.

    Raises `EngineError` when something else holds the port.
    """
    host, name = local_registry(project), container_name(local_registry(project))
    with machine.alone(name):
        state = registry_state(project, machine).state
        if state in ("running", "foreign"):
            return False
        refuse_taken_port(host, machine)
        if state == "stopped":
            machine.shell.run_quietly(command("docker", "start", name))
        else:
            _create(host, project.namespace, machine)
        if not machine.shell.dry:
            await_answer(host)
    return True


def stop_registry(project: Project, machine: Machine) -> bool:
    """Remove the local registry's container, keep its data; True if there was one."""
    found = registry_state(project, machine)
    if found.state in ("absent", "foreign"):
        return False
    machine.shell.run_quietly(command("docker", "rm", "--force", found.container))
    return True


def delete_data(project: Project, machine: Machine) -> None:
    """Remove the local registry's volume, which its container has had to itself.

    Raises `EngineError` for a registry that is not ours.
    """
    found = registry_state(project, machine)
    if found.state == "foreign":
        raise EngineError(f"The registry at {found.host} was not started by this tool.")
    if machine.daemon.volume(found.volume):
        machine.shell.run_quietly(command("docker", "volume", "rm", found.volume))


def delivers_through_registry(settings: Settings) -> bool:
    """Whether images go through the local registry: the builder must see this machine's ports."""
    return settings.delivery == "registry" and settings.builder.network == "host"


def answers_as_registry(host: str) -> bool:
    """Whether a registry listens there; decided by its answer to `/v2/`, within a second."""
    from http.client import HTTPConnection, HTTPException

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


def _create(host: str, owner: str, machine: Machine) -> None:
    try:
        machine.shell.run_quietly(run_registry(host, owner))
    except BaseException as failure:
        # docker leaves a container that it could create but not start.
        machine.shell.try_ask(command("docker", "rm", "--force", container_name(host)))
        if not isinstance(failure, CommandError):
            raise
        hint = f"What this machine lacks: {command_line('doctor')}"
        raise EngineError(f"{failure}\n{hint}") from None


def await_answer(host: str) -> None:
    """Wait until the registry there answers. Raises `EngineError` when it does not."""
    for _ in range(START_SECONDS * 20):
        if answers_as_registry(host):
            return
        time.sleep(0.05)  # a registry offers nothing to wait on
    raise EngineError(
        f"The registry at {host} did not answer within {START_SECONDS} s."
        f" Look at: docker logs {container_name(host)}"
    )


def _refuse_foreign(container: dict[str, Any], name: str) -> None:
    if PROJECT_LABEL not in (container["Config"]["Labels"] or {}):
        raise EngineError(
            f"The container '{name}' was not created by this tool, so it is left alone."
            f" Rename it or remove it: docker rm {name}"
        )


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
