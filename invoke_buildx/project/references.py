"""What a Dockerfile refers to, as plain data: images, files of the context, build args."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Source:
    """A path of the build context that an instruction reads, with its line in the text."""

    path: str
    line: int
    instruction: str = "COPY"


@dataclass(frozen=True)
class Dockerfile:
    """The references of one Dockerfile, as written after ARG substitution.

    `args` are the names that any ARG declares, `consumed` those that count for the stages of
    this build; `images` are references to other images, in the order of their first use, each
    with its line. `unknown` are inputs that the text alone cannot tell, as sentences; `onbuild`
    are the instructions that images made from this one carry out.
    """

    images: Mapping[str, int]
    sources: tuple[Source, ...]
    args: frozenset[str]
    syntax: str | None = None
    consumed: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()
    onbuild: tuple[str, ...] = ()


NOTHING = Dockerfile({}, (), frozenset())
# The ONBUILD instructions of a base image, by its name as written; none for foreign images.
Triggers = Callable[[str], Iterable[str]]


def merged(readings: Sequence[Dockerfile]) -> Dockerfile:
    """What the same text refers to on any of several platforms."""
    first = readings[0]
    return replace(
        first,
        images={name: line for found in readings for name, line in found.images.items()},
        sources=tuple(dict.fromkeys(source for found in readings for source in found.sources)),
        consumed=first.consumed.union(*(found.consumed for found in readings)),
        unknown=tuple(dict.fromkeys(sentence for found in readings for sentence in found.unknown)),
    )
