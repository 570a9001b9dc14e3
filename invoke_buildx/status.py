"""Where each image is: in the engine, in its registry, and whether both hold the same."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from invoke_buildx.engine.daemon import LocalImage
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError
from invoke_buildx.project.graph import Node, node
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project
from invoke_buildx.push import published_digest
from invoke_buildx.registry import PROJECT_LABEL

CONNECTIONS = 8


@dataclass(frozen=True)
class ImageStatus:
    """One image: `engine` and `registry` are current, stale, absent or unreachable."""

    image: Image
    parents: tuple[str, ...]
    engine: str
    id: str | None
    registry: str
    digest: str | None
    reason: str

    def as_json(self) -> dict[str, Any]:
        """The contract of `status --json`; the fingerprint is not known to this version."""
        return {
            "image": self.image.label,
            "ref": str(self.image.reference),
            "fingerprint": None,
            "engine": {"state": self.engine, "id": self.id},
            "registry": {"state": self.registry, "digest": self.digest},
            "parents": list(self.parents),
            "reason": self.reason,
        }


def status(project: Project, machine: Machine, images: Iterable[Image]) -> list[ImageStatus]:
    """The status of these images; the engine is asked once, each registry over few connections."""
    nodes = [node(project, image) for image in images]
    label = f"{PROJECT_LABEL}={project.namespace}"
    held = {tag: image for image in machine.daemon.images(label) for tag in image.tags}
    hosts = {entry.image.reference.host for entry in nodes}
    registries = {host: Registry(host, machine.environ) for host in hosts}

    def look(entry: Node) -> ImageStatus:
        reference = entry.image.reference
        return _status(entry, held.get(str(reference)), registries[reference.host])

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(look, nodes))


def _status(entry: Node, held: LocalImage | None, registry: Registry) -> ImageStatus:
    image = entry.image
    pushed, digest = _registry_state(registry, image, held)
    engine = "current" if held else "absent"
    reasons = {
        "absent": "not built" if held is None else "not pushed",
        "stale": "the registry holds another build",
        "unreachable": f"{registry.host} does not answer",
        "current": "",
    }
    reason = reasons[pushed] if held or pushed != "current" else "not in the engine"
    identity = held.id if held else None
    return ImageStatus(image, entry.parents, engine, identity, pushed, digest, reason)


def _registry_state(
    registry: Registry, image: Image, held: LocalImage | None
) -> tuple[str, str | None]:
    try:
        digest = registry.digest(image.reference.path, image.tag)
        if digest is None:
            return "absent", None
        same = held is None or published_digest(registry, image, held)
        return ("current" if same else "stale"), digest
    except EngineError:
        return "unreachable", None
