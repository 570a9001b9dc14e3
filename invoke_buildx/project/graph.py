"""Images and their parents: what must be built, and in which order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from invoke_buildx.errors import TemplateError
from invoke_buildx.project.context import missing_sources
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project
from invoke_buildx.project.references import Dockerfile


@dataclass(frozen=True)
class Node:
    """An image with its rendered text, what that refers to, and which of it is ours.

    `links` are the labels of our own images by how the text writes them.
    """

    image: Image
    text: str
    dockerfile: Dockerfile
    links: Mapping[str, str]

    @property
    def parents(self) -> tuple[str, ...]:
        """The labels of our images that this one is made from."""
        return tuple(dict.fromkeys(self.links.values()))

    def as_json(self) -> dict[str, Any]:
        """The contract of `graph --json`."""
        return {
            "image": self.image.label,
            "ref": str(self.image.reference),
            "parents": list(self.parents),
            "external": list(self.external),
            "sources": list(dict.fromkeys(source.path for source in self.dockerfile.sources)),
            "syntax": self.dockerfile.syntax,
        }

    @property
    def external(self) -> tuple[str, ...]:
        """The images of others that this one is made from, as written."""
        return tuple(name for name in self.dockerfile.images if name not in self.links)


def node(project: Project, image: Image) -> Node:
    """Render an image and read the result. Raises `TemplateError`."""
    text, dockerfile = project.described(image)
    links = project.links(dockerfile)
    return Node(image, text, dockerfile, {name: parent.label for name, parent in links.items()})


def with_ancestors(project: Project, images: Iterable[Image]) -> dict[str, Node]:
    """The nodes of these images and of all images that they are made from, by label."""
    known = {image.label: image for image in project.images}
    found: dict[str, Node] = {}
    waiting = [image.label for image in images]
    while waiting:
        label = waiting.pop()
        if label not in found:
            found[label] = node(project, known[label])
            waiting += found[label].parents
    project.kept.save()
    return found


def with_dependents(project: Project, images: Iterable[Image]) -> list[Image]:
    """These images and all that are made from them, directly or through others."""
    everything = [node(project, image) for image in project.images]
    chosen = {image.label for image in images}
    grown = True
    while grown:
        found = {entry.image.label for entry in everything if chosen.intersection(entry.parents)}
        grown = not found <= chosen
        chosen |= found
    return [entry.image for entry in everything if entry.image.label in chosen]


def ordered(nodes: dict[str, Node]) -> list[Node]:
    """Parents before children. Raises `TemplateError` that shows the path of a cycle."""
    sorter = TopologicalSorter({label: entry.parents for label, entry in nodes.items()})
    try:
        order = list(sorter.static_order())
    except CycleError as problem:
        # The sorter lists each image before the one that is made from it.
        path = " <- ".join(problem.args[1])
        raise TemplateError(f"These images are made from each other: {path}.") from None
    return [nodes[label] for label in order if label in nodes]


def refuse_missing_sources(project: Project, nodes: Iterable[Node]) -> None:
    """Name every file that a build would miss. Raises `TemplateError`."""
    problems = [
        f"{project.origin(entry.image)}, {problem}"
        for entry in nodes
        for problem in missing_sources(project.context(entry.image), entry.dockerfile.sources)
    ]
    if problems:
        raise TemplateError("\n".join(dict.fromkeys(problems)))
