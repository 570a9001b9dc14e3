"""The images of a project: folders under dockerfiles/, multiplied by their matrix."""

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from invoke_buildx.errors import UsageError, nearest
from invoke_buildx.project.reference import Reference
from invoke_buildx.project.settings import ImageSettings, Settings

FOLDER = "dockerfiles"
TEMPLATE, PLAIN = "Dockerfile.j2", "Dockerfile"


@dataclass(frozen=True)
class Image:
    """One image to be built: a name and tag, and the values its template is rendered with."""

    name: str
    reference: Reference
    values: Mapping[str, Any]
    settings: ImageSettings
    dockerfile: Path

    @property
    def tag(self) -> str:
        """The tag, always present."""
        return str(self.reference.tag)

    @property
    def label(self) -> str:
        """`NAME:TAG`, as it is typed after --image."""
        return f"{self.name}:{self.tag}"


def image_folders(root: Path) -> dict[str, Path]:
    """The Dockerfile or template of each image folder, by image name (nested names too)."""
    top = root / FOLDER
    found: dict[str, Path] = {}
    for folder, _, files in os.walk(top):
        chosen = [name for name in (PLAIN, TEMPLATE) if name in files]
        if chosen and folder != str(top):
            found[Path(folder).relative_to(top).as_posix()] = Path(folder, chosen[-1])
    return dict(sorted(found.items()))


def combinations(settings: ImageSettings) -> Iterator[dict[str, Any]]:
    """The matrix's combinations in order, without the excluded ones; one empty one if none."""
    for values in itertools.product(*settings.matrix.values()):
        chosen = dict(zip(settings.matrix, values, strict=True))
        if not any(entry.items() <= chosen.items() for entry in settings.exclude):
            yield chosen


def image_reference(settings: Settings, name: str, tag: str | None = None) -> Reference:
    """`registry/namespace/name:tag`."""
    return Reference(settings.registry, f"{settings.namespace}/{name}", tag)


def select(images: Iterable[Image], wanted: Iterable[str], default: str | None) -> list[Image]:
    """The images that `--image` names: NAME, NAME:TAG, or a glob of either.

    A name without tag is its first variant. Raises `UsageError`, naming the nearest image.
    """
    known = list(images)
    patterns = list(wanted) or [_default(known, default)]
    chosen: dict[str, Image] = {}
    for pattern in patterns:
        for image in _matching(known, pattern):
            chosen[image.label] = image
    return list(chosen.values())


def first_variants(images: Iterable[Image]) -> dict[str, Image]:
    """Each image name with its first variant."""
    first: dict[str, Image] = {}
    for image in images:
        first.setdefault(image.name, image)
    return first


def _default(images: list[Image], default: str | None) -> str:
    names = list(first_variants(images))
    if default:
        return default
    if len(names) == 1:
        return names[0]
    if not names:
        raise UsageError(f"There is no image: no {FOLDER}/NAME/{TEMPLATE} is here.")
    raise UsageError(
        f"Which image? Say --image NAME or set buildx.default to one of: {', '.join(names)}."
    )


def _matching(images: list[Image], pattern: str) -> list[Image]:
    if pattern.startswith("-"):
        raise UsageError(
            f"--image was given '{pattern}', which is an option."
            " For help on a task, put --help before its name."
        )
    if ":" in pattern:
        found = [image for image in images if fnmatchcase(image.label, pattern)]
    else:
        first = first_variants(images)
        found = [image for name, image in first.items() if fnmatchcase(name, pattern)]
    if not found:
        known = [name for image in images for name in (image.name, image.label)]
        hint = nearest(pattern, known) or f" There are: {', '.join(dict.fromkeys(known))}."
        raise UsageError(f"No image is called '{pattern}'.{hint}")
    return found
