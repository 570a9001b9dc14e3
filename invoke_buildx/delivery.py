"""How a built image gets to where it is needed: the engine, and a registry for its children."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from invoke_buildx.builder import builder_name, is_engine_builder
from invoke_buildx.engine.command import command, side_by_side
from invoke_buildx.engine.machine import Machine
from invoke_buildx.engine.pulling import pull
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import Reference
from invoke_buildx.registry import delivers_through_registry, local_registry

PULLS = 4


@dataclass(frozen=True)
class Delivery:
    """The way of one image.

    `kind` is registry (pushed there by the build, pulled by the engine), load (sent to the
    engine by the build) or engine (built where it is needed). `found` is the name under which
    the next build finds it: its own, or one in the local registry if it belongs elsewhere.
    """

    reference: Reference
    kind: Literal["registry", "load", "engine"]
    found: Reference
    output: str | None

    @property
    def places(self) -> str:
        """Where the image is afterwards, in words."""
        return f"the engine and {self.found.host}" if self.kind == "registry" else "the engine"


def delivery(project: Project, machine: Machine, image: Image) -> Delivery:
    """Through the local registry where builds can reach it; measured to move only what is new."""
    reference = image.reference
    if is_engine_builder(project, builder_name(project, image, machine), machine):
        return Delivery(reference, "engine", reference, None)
    if not delivers_through_registry(project.settings):
        return Delivery(reference, "load", reference, "type=docker")
    return Delivery(reference, "registry", staged(project, reference), _output(project))


def _output(project: Project) -> str:
    # On one machine time counts for more than size: level 1 saves a seventh of a first delivery.
    level = ",compression-level=1" if project.settings.compression == "zstd" else ""
    compression = f"compression={project.settings.compression}{level}"
    return f"type=image,push=true,{compression},oci-mediatypes=true"


def staged(project: Project, reference: Reference) -> Reference:
    """The image's own name, or a name in the local registry if it belongs on another host."""
    local = local_registry(project)
    if reference.host == local:
        return reference
    host = reference.host.lower().strip("[]").replace(":", "__")
    return Reference(local, f"staged/{host}/{reference.path}", reference.tag)


def take_into_engine(machine: Machine, built: Mapping[Delivery, str | None]) -> None:
    """Pull what was pushed, unless the engine holds exactly that image by that name.

    `built` has the config digest of each image, None where it is not known. Several images are
    pulled side by side.
    """
    missing = [to for to, digest in built.items() if not _is_held(machine, to, digest)]
    pulls = [partial(_pull, machine, to) for to in missing]
    side_by_side(pulls, 1 if machine.shell.dry else PULLS)


def give_to_registry(machine: Machine, wanted: Iterable[Delivery]) -> None:
    """Push what only the engine holds to where the next build looks for it."""
    for to in wanted:
        push_as(machine, str(to.reference), str(to.found))


def push_as(machine: Machine, held: str, name: str) -> None:
    """Push what the engine holds, under that name, which it does not keep."""
    if name != held:
        machine.shell.run_quietly(command("docker", "tag", held, name))
    machine.shell.run_quietly(command("docker", "push", "--quiet", name))
    if name != held:
        machine.shell.run_quietly(command("docker", "rmi", "--no-prune", name))


def _is_held(machine: Machine, to: Delivery, digest: str | None) -> bool:
    if to.kind != "registry":
        return True
    if machine.shell.dry or digest is None:
        return False
    held = machine.daemon.image(str(to.reference))
    return held is not None and held.id == digest


def _pull(machine: Machine, to: Delivery) -> None:
    pull(machine.shell, machine.daemon, to.found)
    if to.found != to.reference:
        names = (str(to.found), str(to.reference))
        machine.shell.run_quietly(command("docker", "tag", *names))
        machine.shell.run_quietly(command("docker", "rmi", "--no-prune", names[0]))
