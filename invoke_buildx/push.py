"""Publish built images to the registries that their names point to."""

from collections.abc import Iterable

from invoke_buildx.engine.command import command
from invoke_buildx.engine.daemon import LocalImage
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError, UsageError, command_line
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project
from invoke_buildx.registry import ensure_registry, local_registry, registry_at


def push(project: Project, machine: Machine, images: Iterable[Image]) -> list[tuple[Image, bool]]:
    """Push what the engine holds; with each image, whether anything had to be sent.

    Raises `UsageError` before anything is sent when one of them is not built.
    """
    wanted = list(images)
    held = {image.label: machine.daemon.image(str(image.reference)) for image in wanted}
    missing = [label for label, found in held.items() if found is None]
    if missing and not machine.shell.dry:
        names = " ".join(f"--image {label}" for label in missing)
        raise UsageError(
            f"Not built yet: {', '.join(missing)}. Build first: {command_line(f'build {names}')}"
        )
    if any(image.reference.host == local_registry(project) for image in wanted):
        ensure_registry(project, machine)
    return [(image, _push_one(project, machine, image, held[image.label])) for image in wanted]


def published_digest(registry: Registry, image: Image, held: LocalImage | None) -> str | None:
    """The digest under which the registry holds exactly the engine's image, None if it does not.

    Manifest digests differ between ways of delivery, so the configs are compared too; of an
    index, that of the image for this machine.
    """
    path = image.reference.path
    found = registry.manifest(path, image.tag) if held else None
    if found is None or held is None:
        return None
    if f"{image.reference.name}@{found.digest}" in held.digests:
        return found.digest
    own = registry.image_manifest(path, found.digest) if found.is_index else found
    same = own is not None and own.config is not None and own.config.digest == held.id
    return found.digest if same else None


def _push_one(project: Project, machine: Machine, image: Image, held: LocalImage | None) -> bool:
    registry = registry_at(project, machine, image.reference.host)
    try:
        if held and published_digest(registry, image, held):
            return False
    except EngineError:
        if image.reference.is_local:
            raise
        # Another host may let us push without letting us ask; docker push has the last word.
    with machine.shell.progress(f"pushing {image.reference}"):
        machine.shell.run(command("docker", "push", "--quiet", str(image.reference)))
    return True
