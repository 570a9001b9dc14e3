"""What engine and registries hold of a project's images, asked once and side by side."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from invoke_buildx.delivery import Delivery, delivery
from invoke_buildx.engine.asking import ask_all
from invoke_buildx.engine.daemon import LocalImage
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError
from invoke_buildx.hub import hub_answers
from invoke_buildx.project.fingerprint import Parts, read_parts
from invoke_buildx.project.graph import Node
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import HUB, Reference, parse_reference
from invoke_buildx.registry import local_registry, quick_mirrors, registry_at
from invoke_buildx.service import PROJECT_LABEL


@dataclass(frozen=True)
class RemoteImage:
    """What a registry holds by an image's name: manifest digest, config digest, parts."""

    digest: str
    id: str | None
    parts: Parts | None


UNREACHABLE = RemoteImage("", None, None)


@dataclass(frozen=True)
class Survey:
    """What is where: `engine` by full name, `registry` by full name, `bases` as written.

    A base that could not be found out has the digest "".
    """

    engine: Mapping[str, LocalImage]
    registry: Mapping[str, RemoteImage | None] = field(default_factory=dict)
    bases: Mapping[str, str] = field(default_factory=dict)

    def in_engine(self, reference: Reference) -> LocalImage | None:
        """The engine's image of that name."""
        return self.engine.get(str(reference))


@dataclass(frozen=True)
class Surveyor:
    """Asks for one project on one machine; connections are kept and used again."""

    project: Project
    machine: Machine

    def engine(self) -> dict[str, LocalImage]:
        """Every image of this project that the engine holds, by each of its names."""
        label = f"{PROJECT_LABEL}={self.project.namespace}"
        try:
            held = self.machine.daemon.images(label)
        except EngineError:
            if not self.machine.shell.dry:
                raise
            return {}  # what would be done on an engine that holds nothing
        return {tag: image for image in held for tag in image.tags}

    def look(self, nodes: Iterable[Node], *, remote_bases: bool) -> Survey:
        """Where these images stand, with their bases on this machine or, if asked for, anywhere."""
        wanted, engine = list(nodes), self.engine()
        ways = [delivery(self.project, self.machine, entry.image) for entry in wanted]
        places = {str(way.found): way for way in ways if way.kind == "registry"}

        def place(way: Delivery) -> RemoteImage | None:
            return self.remote(way.found, engine.get(str(way.reference)))

        bases = self.bases(wanted, remote=remote_bases)
        return Survey(engine, ask_all(place, places), bases)

    def bases(self, nodes: Iterable[Node], *, remote: bool) -> dict[str, str]:
        """What identifies the images of others now, by how they are written."""
        found: dict[str, str] = {}
        for entry in nodes:
            way = delivery(self.project, self.machine, entry.image)
            for name in foreign(entry):
                if name not in found:
                    found[name] = self.base(name, way, remote)
        return found

    def remote(self, reference: Reference, held: LocalImage | None) -> RemoteImage | None:
        """What the registry holds by that name, None if nothing, `UNREACHABLE` if it is silent."""
        registry = self.registry(reference.host)
        try:
            digest = registry.digest(reference.path, str(reference.tag))
            if digest is None:
                return None
            if held and f"{reference.name}@{digest}" in held.digests:
                return RemoteImage(digest, held.id, read_parts(held.labels))
            found = registry.config(reference.path, digest)
        except EngineError:
            return UNREACHABLE
        labels = (found.get("config") or {}).get("Labels") or {}
        return RemoteImage(digest, found.get("id"), read_parts(labels))

    def base(self, written: str, way: Delivery, remote: bool) -> str:
        """What identifies another's image now, "" if that cannot be found out."""
        reference = parse_reference(written).canonical()
        if reference.digest:
            return reference.digest
        if way.kind == "engine":
            held = self.machine.daemon.image(written)
            return held.id if held else ""
        on_hub = reference.host == HUB
        near = quick_mirrors(self.project) if remote else [local_registry(self.project)]
        found = (
            next((one for host in near if (one := self._digest(host, reference))), None)
            if on_hub
            else None
        )
        if found is None and (remote or reference.is_local) and (not on_hub or hub_answers()):
            found = self._digest(reference.host, reference)
        return found or ""

    def registry(self, host: str) -> Registry:
        """The registry of that host."""
        if host not in self._registries:
            self._registries[host] = registry_at(self.project, self.machine, host)
        return self._registries[host]

    def _digest(self, host: str, reference: Reference) -> str | None:
        try:
            return self.registry(host).digest(reference.path, str(reference.tag))
        except EngineError:
            return None

    @cached_property
    def _registries(self) -> dict[str, Registry]:
        return {}


def foreign(entry: Node) -> tuple[str, ...]:
    """Every image of others that goes into an image: its bases, and the frontend that it names."""
    syntax = entry.dockerfile.syntax
    return (*entry.external, *((syntax,) if syntax else ()))
