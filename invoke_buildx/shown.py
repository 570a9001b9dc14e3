"""What a registry's page shows, read once: repositories, tags, and the project's own images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from invoke_buildx.catalogue import (
    Repository,
    Tagged,
    read_all_tags,
    read_repositories,
    read_repository,
    repository_names,
)
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.project.project import Project
from invoke_buildx.status import status


@dataclass(frozen=True)
class Shown:
    """`tags` are those of each repository by its name; `images` are entries of `status --json`.

    `remark` is said at the top; `read_at` is when this was true.
    """

    host: str
    repositories: Sequence[Repository]
    tags: Mapping[str, Sequence[Tagged]]
    images: Sequence[Mapping[str, Any]] = ()
    remark: str = ""
    read_at: datetime = field(default_factory=lambda: datetime.now().astimezone())


def read_shown(project: Project, machine: Machine, registry: Registry) -> Shown:
    """Everything that the page of this registry shows. Raises `EngineError`."""
    known = [image.reference.path for image in project.images]
    names, complete = repository_names(registry, known)
    found = read_repositories(registry, names)
    return Shown(
        registry.host,
        found,
        read_all_tags(registry, found),
        _images(project, machine, registry),
        "" if complete else "It lists nothing itself; these are the project's own.",
    )


def read_one_again(
    shown: Shown, project: Project, machine: Machine, registry: Registry, name: str
) -> Shown:
    """The same after one repository has changed, which costs little in a large registry."""
    changed = read_repository(registry, name)
    return replace(
        shown,
        repositories=[changed if one.name == name else one for one in shown.repositories],
        tags={**shown.tags, **read_all_tags(registry, [changed])},
        images=_images(project, machine, registry),
    )


def _images(project: Project, machine: Machine, registry: Registry) -> list[dict[str, Any]]:
    ours = [image for image in project.images if image.reference.host == registry.host]
    return [one.as_json() for one in status(project, machine, ours)] if ours else []
