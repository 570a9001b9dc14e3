"""Images and their parents: what must be built, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from invoke_buildx.errors import TemplateError
from invoke_buildx.project.context import missing_sources
from invoke_buildx.project.dockerfile import Dockerfile
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project


@dataclass(frozen=True)
class Node:
    """An image with its rendered text, what that refers to, and its parents' labels."""

    image: Image
    text: str
    dockerfile: Dockerfile
    parents: tuple[str, ...]


def node(project: Project, image: Image) -> Node:
    """Render an image and read the result. Raises `TemplateError`."""
    text = project.render(image)
    dockerfile = project.read(image, text)
    parents = tuple(parent.label for parent in project.parents(dockerfile))
    return Node(image, text, dockerfile, parents)


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
    return found


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
