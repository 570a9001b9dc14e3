"""What our local registry stores on disk: how much, what no tag leads to, giving space back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from invoke_buildx.engine.command import command
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError, command_line
from invoke_buildx.project.project import Project
from invoke_buildx.registry import local_service, registry_state
from invoke_buildx.service import DATA, Service, ServiceState, await_answer

FOLDER = f"{DATA}/docker/registry/v2/repositories"
CONFIG = "/etc/docker/registry/config.yml"
_LINK = re.compile(r"/repositories/(.+)/_manifests/revisions/sha256/([0-9a-f]{64})/link$")


def own_registry(project: Project, machine: Machine) -> ServiceState:
    """The local registry, if it is ours and runs. Raises `EngineError`."""
    found = registry_state(project, machine)
    if found.state == "foreign":
        raise EngineError(f"The registry at {found.host} was not started by this tool.")
    if found.state != "running":
        start = command_line("registry.up")
        raise EngineError(f"The registry at {found.host} is {found.state}. Start it: {start}")
    return found


def bytes_on_disk(project: Project, machine: Machine) -> int:
    """What the local registry's data takes, in a volume or in a folder."""
    name = own_registry(project, machine).container
    said = machine.shell.ask(command("docker", "exec", name, "du", "-sk", DATA))
    return int(said.split()[0]) * 1024


def stored_manifests(project: Project, machine: Machine) -> dict[str, list[str]]:
    """The digests of all manifests that are stored, tagged or not, by repository."""
    name = own_registry(project, machine).container
    find = ("find", FOLDER, "-path", "*/_manifests/revisions/*/link")
    said = machine.shell.ask(command("docker", "exec", name, *find))
    found: dict[str, list[str]] = {}
    for line in said.splitlines():
        match = _LINK.search(line)
        if match:
            found.setdefault(match[1], []).append(f"sha256:{match[2]}")
    return found


def collect_garbage(project: Project, machine: Machine) -> None:
    """Give back the space of what nothing refers to; nobody can push meanwhile.

    The program's own `--delete-untagged` is not used: it would delete what an index names.
    """
    found = own_registry(project, machine)
    container = machine.daemon.container(found.container) or {}
    image = container["Config"]["Image"]
    # The lock of registry.up: a build that begins now would start what must not run.
    with (
        machine.alone(found.container),
        _stopped(local_service(project), machine),
        machine.shell.progress("collecting garbage"),
    ):
        volumes = ("--rm", "--network", "none", "--volumes-from", found.container)
        machine.shell.run_quietly(
            command("docker", "run", *volumes, image, "garbage-collect", CONFIG)
        )


@contextmanager
def _stopped(service: Service, machine: Machine) -> Iterator[None]:
    """The registry does not run meanwhile, and does so again whatever happens."""
    machine.shell.run_quietly(command("docker", "stop", service.name))
    try:
        yield
    finally:
        machine.shell.run_quietly(command("docker", "start", service.name))
        if not machine.shell.dry:
            await_answer(service.host, tls=service.tls)
