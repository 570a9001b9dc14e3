"""What a registry holds, for people: repositories, tags, and one image with its layers."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from invoke_buildx.engine.asking import ask_all
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.project.manifest import Manifest, platform_of


@dataclass(frozen=True)
class Held:
    """A manifest or index with, for an index, the manifests that it names."""

    top: Manifest
    parts: tuple[Manifest, ...] = ()

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """All of them, the top first."""
        return (self.top, *self.parts)

    @property
    def blobs(self) -> dict[str, int]:
        """The size in bytes of everything that is stored for it, each once, by digest."""
        found = {one.digest: len(one.body) for one in self.manifests}
        return found | {blob.digest: blob.size for one in self.manifests for blob in one.blobs}

    @property
    def size(self) -> int:
        """Bytes in the registry."""
        return sum(self.blobs.values())

    @property
    def image(self) -> Manifest | None:
        """The manifest that is shown for all: the only one, or the first that is an image."""
        if not self.top.is_index:
            return self.top
        wanted = [entry["digest"] for entry in self.top.images]
        return next((one for one in self.parts if one.digest in wanted), None)


@dataclass(frozen=True)
class Repository:
    """A repository with what its tags point to; several tags may share one digest."""

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, Held] = field(default_factory=dict)

    @property
    def blobs(self) -> dict[str, int]:
        """Everything that is stored for it, each once: bytes by digest."""
        return {key: size for one in self.held.values() for key, size in one.blobs.items()}


FEW_REPOSITORIES = 400  # so many can be measured within about a second


def repository_names(registry: Registry, known: Iterable[str]) -> tuple[list[str], bool]:
    """Every repository and True; where the catalogue is refused, those that we know and False."""
    found = registry.repositories()
    return (sorted(set(known)), False) if found is None else (found, True)


def count_tags(registry: Registry, names: Iterable[str]) -> dict[str, int]:
    """How many tags each repository has."""
    return ask_all(lambda name: len(registry.tags(name)), {name: name for name in names})


def read_repositories(registry: Registry, names: Iterable[str]) -> list[Repository]:
    """Each repository with all that its tags point to."""
    wanted = {name: name for name in names}
    if len(wanted) == 1:
        return [read_repository(registry, name) for name in wanted]
    return list(ask_all(partial(_read_one_by_one, registry), wanted).values())


def read_repository(registry: Registry, name: str) -> Repository:
    """One repository, its tags asked for side by side."""
    tags = {tag: tag for tag in registry.tags(name)}
    found = ask_all(partial(registry.manifest, name), tags)
    return _repository(registry, name, found)


def _read_one_by_one(registry: Registry, name: str) -> Repository:
    found = {tag: registry.manifest(name, tag) for tag in registry.tags(name)}
    return _repository(registry, name, found)


def _repository(registry: Registry, name: str, found: Mapping[str, Manifest | None]) -> Repository:
    tops = {one.digest: one for one in found.values() if one}
    held = {digest: whole(registry, name, top) for digest, top in tops.items()}
    return Repository(name, {tag: one.digest for tag, one in found.items() if one}, held)


def whole(registry: Registry, repository: str, top: Manifest) -> Held:
    """A manifest with those that it names, and what these name; a missing one is left out."""
    parts: list[Manifest] = []
    for entry in top.children:
        part = registry.manifest(repository, str(entry["digest"]))
        parts += whole(registry, repository, part).manifests if part else ()
    return Held(top, tuple(parts))


@dataclass(frozen=True)
class Tagged:
    """One tag for a list: sizes in bytes, `created` as the image says it, its labels."""

    tag: str
    digest: str
    platforms: tuple[str, ...]
    size: int
    created: str
    labels: Mapping[str, str]


def read_tags(registry: Registry, repository: Repository) -> list[Tagged]:
    """Every tag of a repository with what its configuration says."""
    return read_all_tags(registry, [repository])[repository.name]


def read_all_tags(
    registry: Registry, repositories: Sequence[Repository]
) -> dict[str, list[Tagged]]:
    """As `read_tags`, of many repositories by their names."""
    images = {
        (one.name, digest): held.image
        for one in repositories
        for digest, held in one.held.items()
        if held.image
    }
    configs = ask_all(
        lambda key: registry.config_of(key[0], images[key]), {key: key for key in images}
    )
    return {
        one.name: [
            _tagged(tag, one.held[digest], configs.get((one.name, digest), {}))
            for tag, digest in one.tags.items()
        ]
        for one in repositories
    }


def _tagged(tag: str, held: Held, config: Mapping[str, Any]) -> Tagged:
    platforms = [platform_of(entry) for entry in held.top.images] or [platform_of(dict(config))]
    labels = (config.get("config") or {}).get("Labels") or {}
    return Tagged(
        tag, held.top.digest, tuple(platforms), held.size, str(config.get("created", "")), labels
    )


def created_at(text: str) -> datetime | None:
    """An image's date of creation, None if it has none that can be read (RFC 3339)."""
    try:
        # Nanoseconds are more than Python keeps.
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None


def layers_of(
    manifest: Manifest, config: Mapping[str, Any], sharing: Mapping[str, Iterable[str]]
) -> list[dict[str, Any]]:
    """The layers of an image: digest, size, what made it, and who else holds it.

    `sharing` has the names of images by the digests of their layers.
    """
    history = [entry for entry in config.get("history") or () if not entry.get("empty_layer")]
    makers = [str(entry.get("created_by", "")) for entry in history]
    makers += [""] * (len(manifest.layers) - len(makers))
    return [
        {
            "digest": layer.digest,
            "size": layer.size,
            "created_by": maker,
            "shared_with": sorted(sharing.get(layer.digest, ())),
        }
        for layer, maker in zip(manifest.layers, makers, strict=False)
    ]


def sharing(repositories: Iterable[Repository], but: str) -> dict[str, set[str]]:
    """Which images (`REPOSITORY:TAG`) hold which layer, without the image `but`."""
    found: dict[str, set[str]] = {}
    for repository in repositories:
        for tag, digest in repository.tags.items():
            name = f"{repository.name}:{tag}"
            for manifest in repository.held[digest].manifests if name != but else ():
                for layer in manifest.layers:
                    found.setdefault(layer.digest, set()).add(name)
    return found


def stored_sizes(
    repositories: Iterable[Repository], total: int | None
) -> dict[str, dict[str, int]]:
    """Bytes by repository: `size` of all that it needs, `own` of what only it needs.

    Two lines more: what is tagged at all, each blob once, and the `total` on disk if it is known.
    """
    every = {one.name: one.blobs for one in repositories}
    holders = Counter(digest for blobs in every.values() for digest in blobs)
    found = {
        name: {
            "size": sum(blobs.values()),
            "own": sum(size for digest, size in blobs.items() if holders[digest] == 1),
        }
        for name, blobs in every.items()
    }
    once = {digest: size for blobs in every.values() for digest, size in blobs.items()}
    tagged = sum(once.values())
    found["(all, shared once)"] = {"size": tagged, "own": tagged}
    if total is not None:
        found["(on disk)"] = {"size": total, "own": max(total - tagged, 0)}
    return found
