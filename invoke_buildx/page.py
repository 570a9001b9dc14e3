"""A registry as one HTML file for people: repositories, tags, layers, the project's images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from invoke_buildx.catalogue import (
    Repository,
    Tagged,
    layers_of,
    read_repositories,
    read_tags,
    repository_names,
    sharing,
)
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError
from invoke_buildx.project.project import Project
from invoke_buildx.registry import registry_at
from invoke_buildx.status import status

FOLDER = Path(__file__).parent / "pages"


def write_page(project: Project, machine: Machine, host: str, path: Path) -> None:
    """Read a registry and write its page, nothing when dry. Raises `EngineError`."""
    if machine.shell.dry:
        return
    registry = registry_at(project, machine, host)
    with machine.shell.progress(f"reading {host}"):
        known = [image.reference.path for image in project.images]
        names, complete = repository_names(registry, known)
        found = read_repositories(registry, names)
        tagged = {one.name: read_tags(registry, one) for one in found}
        ours = [image for image in project.images if image.reference.host == host]
        rows = [one.as_json() for one in status(project, machine, ours)]
    remark = "" if complete else "It lists nothing itself; these are the project's own."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(registry_page(host, found, tagged, rows, remark))
    except OSError as problem:
        raise EngineError(f"{path} cannot be written ({problem.strerror}).") from None


def registry_page(
    host: str,
    repositories: Sequence[Repository],
    tags: Mapping[str, Sequence[Tagged]],
    images: Sequence[Mapping[str, Any]],
    remark: str = "",
) -> str:
    """The page: self-contained, readable without scripts, nothing in it asks for anything.

    `tags` are those of each repository by its name; `images` are entries of `status --json`;
    `remark` is said at the top.
    """
    # Jinja escapes what a registry says of itself; imported late: 40 ms.
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["hue"] = _hue
    shared = sharing(repositories, "")
    shelves = [_shelf(one, tags[one.name], shared) for one in repositories]
    shelves.sort(key=lambda one: -one["size"])
    once = {digest: size for one in repositories for digest, size in one.blobs.items()}
    return environment.get_template("registry.html").render(
        host=host,
        shelves=shelves,
        largest=max((one["size"] for one in shelves), default=1) or 1,
        total=sum(once.values()),
        images=images,
        remark=remark,
    )


def _shelf(
    repository: Repository, tags: Sequence[Tagged], shared: Mapping[str, set[str]]
) -> dict[str, Any]:
    """A repository for the page, its newest tag first."""
    rows = [
        {"tag": one, "layers": _layers(repository, one, shared)}
        for one in sorted(tags, key=lambda one: one.created, reverse=True)
    ]
    return {"name": repository.name, "size": sum(repository.blobs.values()), "rows": rows}


def _layers(
    repository: Repository, tagged: Tagged, shared: Mapping[str, set[str]]
) -> list[dict[str, Any]]:
    """Each layer with the other images that hold it."""
    image = repository.held[tagged.digest].image
    found = layers_of(image, {}, shared) if image else []
    own = f"{repository.name}:{tagged.tag}"
    for layer in found:
        layer["shared_with"] = [name for name in layer["shared_with"] if name != own]
    return found


def _hue(digest: str) -> int:
    """A colour for a layer, the same wherever it is."""
    return int(digest.rpartition(":")[2][:6], 16) % 360
