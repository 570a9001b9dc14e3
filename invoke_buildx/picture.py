"""The project's images as a picture: a column a generation, lines from parent to child."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LETTER, LINE = 7.3, 46  # the width of a letter and the height of a row, in pixels
BOX, GAP = 36, 64  # the height of a box, the space between two columns


@dataclass(frozen=True)
class Box:
    """An image at its place; `state` is the worst of its states in engine and registry."""

    name: str
    state: str
    words: str
    x: float
    y: float


@dataclass(frozen=True)
class Picture:
    """Sizes in pixels; `lines` are paths of SVG."""

    width: float
    height: float
    box_width: float
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]


def picture(images: Sequence[Mapping[str, Any]]) -> Picture:
    """Where each image is drawn; `images` are entries of `status --json`.

    Parents that are not among them are left out.
    """
    by_name = {str(one["image"]): one for one in images}
    columns = _columns(by_name)
    box_width = max((len(name) for name in by_name), default=0) * LETTER + 24
    places = {
        name: (column * (box_width + GAP), row * LINE)
        for column, names in enumerate(columns)
        for row, name in enumerate(names)
    }
    boxes = tuple(_box(one, *places[name]) for name, one in by_name.items())
    lines = tuple(
        _line(places[parent], places[name], box_width)
        for name, one in by_name.items()
        for parent in one["parents"]
        if parent in places
    )
    width = len(columns) * (box_width + GAP) - GAP
    height = max((len(names) for names in columns), default=0) * LINE
    return Picture(max(width, 0), height, box_width, boxes, lines)


def _columns(images: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """The names by generation, each near the rows of its parents so that few lines cross."""
    generation: dict[str, int] = {}

    def find(name: str) -> int:
        if name not in generation:
            parents = [one for one in images[name]["parents"] if one in images]
            generation[name] = 1 + max(map(find, parents), default=-1)
        return generation[name]

    columns: list[list[str]] = [[] for _ in range(max(map(find, images), default=-1) + 1)]
    for name, column in generation.items():
        columns[column].append(name)
    rows: dict[str, int] = {}
    for names in columns:
        wanted = {name: _middle(images[name]["parents"], rows) for name in names}
        names.sort(key=wanted.__getitem__)
        rows |= {name: row for row, name in enumerate(names)}
    return columns


def _middle(parents: Sequence[str], rows: Mapping[str, int]) -> float:
    above = [rows[name] for name in parents if name in rows]
    return sum(above) / len(above) if above else 0


def _box(image: Mapping[str, Any], x: float, y: float) -> Box:
    engine, registry = image["engine"]["state"], image["registry"]["state"]
    words = {"absent": "not pushed", "stale": "registry stale", "unreachable": "registry silent"}
    said = ["not built"] if engine == "absent" else ["stale"] if engine == "stale" else []
    if registry in words:
        said.append(words[registry])
    state = "stale" if "stale" in (engine, registry) else "absent" if said else "current"
    return Box(str(image["image"]), state, ", ".join(said) or "current", x, y)


def _line(start: tuple[float, float], end: tuple[float, float], box_width: float) -> str:
    left, top = start[0] + box_width, start[1] + BOX / 2
    right, bottom = end[0], end[1] + BOX / 2
    bend = (right - left) / 2
    return (
        f"M{left:.0f} {top:.0f}C{left + bend:.0f} {top:.0f}"
        f" {right - bend:.0f} {bottom:.0f} {right:.0f} {bottom:.0f}"
    )
