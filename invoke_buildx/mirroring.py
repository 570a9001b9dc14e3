"""Copies of other people's images in the local registry, so that builds need no Docker Hub."""

from invoke_buildx.copying import Place, copy
from invoke_buildx.delivery import push_as
from invoke_buildx.engine.command import command
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import CommandError, EngineError, command_line
from invoke_buildx.hub import hub_answers
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import HUB, Reference, familiar, parse_reference
from invoke_buildx.registry import ensure_registry, local_registry, registry_at


def mirror(project: Project, machine: Machine, image: str) -> Reference:
    """Copy an image from its registry, or from the engine; the name of the copy.

    Raises `UsageError` for a bad name, `EngineError` where it is nowhere to be had.
    """
    reference = parse_reference(image).canonical()
    host = local_registry(project)
    target = Reference(host, reference.path, reference.tag or "latest")
    ensure_registry(project, machine)
    if reference.host != HUB or hub_answers():
        source = Place(registry_at(project, machine, reference.host), reference)
        copy(source, Place(registry_at(project, machine, host), target), machine.shell)
    else:
        from_engine(machine, familiar(reference), target)
    return target


def from_engine(machine: Machine, name: str, target: Reference) -> None:
    """Push what the engine has by that name, or can pull, under the other name."""
    if machine.daemon.image(name) is None:
        try:
            machine.shell.run_quietly(command("docker", "pull", "--quiet", name))
        except CommandError:
            raise EngineError(
                f"{name} cannot be had: Docker Hub does not answer, and the engine does not hold"
                f" it. Debian's images are made from packages: {command_line('doctor --fix')}"
            ) from None
    push_as(machine, name, str(target))
