"""Which image of which registry a person means: one of ours, a repository, or a full name."""

from dataclasses import dataclass

from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.project.images import first_variants
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import parse_reference
from invoke_buildx.registry import registry_at


@dataclass(frozen=True)
class Asked:
    """A repository of a registry, and the tag, glob or digest that was named with it, if any.

    `usual` is the tag of the image that is meant where none was named.
    """

    registry: Registry
    repository: str
    label: str
    usual: str = "latest"

    @property
    def name(self) -> str:
        """The full name of one image."""
        label = self.label or self.usual
        return f"{self.registry.host}/{self.repository}{'@' if ':' in label else ':'}{label}"


def asked(project: Project, machine: Machine, word: str, host: str = "") -> Asked:
    """What a word means: `IMAGE[:TAG]` of the project, `[HOST/]REPOSITORY[:TAG]`, or a digest.

    `host` is the registry that was named apart, else it is the word's own or the project's. No
    word is the default image. Raises `UsageError`.
    """
    if not word:
        [chosen] = project.select([])[:1]
        found = host or chosen.reference.host
        place = registry_at(project, machine, found)
        return Asked(place, chosen.reference.path, "", chosen.tag)
    name, label = _split(word)
    ours = first_variants(project.images).get(name)
    if ours:
        found, path = ours.reference.host, ours.reference.path
    else:
        first, slash, rest = name.partition("/")
        has_host = bool(slash) and (first == "localhost" or "." in first or ":" in first)
        found, path = (first, rest) if has_host else (project.settings.registry, name)
    # What is no name of a repository is refused before anything is asked.
    parse_reference(f"{host or found}/{path}")
    usual = ours.tag if ours else "latest"
    return Asked(registry_at(project, machine, host or found), path, label, usual)


def _split(word: str) -> tuple[str, str]:
    """Name and tag or digest; the colon of a port is no tag's."""
    if "@" in word:
        name, _, digest = word.partition("@")
        return name, digest
    head, slash, last = word.rpartition("/")
    last, _, tag = last.partition(":")
    return head + slash + last, tag
