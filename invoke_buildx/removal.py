"""Take images out of a registry: what would go and what must stay, then the act."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from invoke_buildx.catalogue import Repository, Tagged, created_at
from invoke_buildx.engine.command import Shell, command
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.errors import UsageError, nearest


@dataclass(frozen=True)
class Removal:
    """What goes from one repository.

    `digests` are deleted with every tag that points to them, indexes before what they name.
    `shared` tags point to a manifest that another tag keeps; only a registry that can delete a
    tag alone can take them away.
    """

    repository: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    shared: tuple[str, ...] = ()


def tags_matching(repository: Repository, pattern: str) -> list[str]:
    """The tags that a name or a glob means. Raises `UsageError` if there is none."""
    found = [tag for tag in repository.tags if fnmatchcase(tag, pattern)]
    if not found:
        raise UsageError(
            f"{repository.name} has no tag '{pattern}'.{nearest(pattern, repository.tags)}"
        )
    return found


def plan_removal(repository: Repository, tags: Iterable[str]) -> Removal:
    """What must be deleted so that these tags are gone and every other one is whole."""
    doomed = set(tags)
    kept = [digest for tag, digest in repository.tags.items() if tag not in doomed]
    needed = {one.digest for digest in kept for one in repository.held[digest].manifests}
    going = [
        one.digest
        for digest in dict.fromkeys(repository.tags[tag] for tag in sorted(doomed))
        for one in repository.held[digest].manifests
        if one.digest not in needed
    ]
    gone = tuple(tag for tag in sorted(doomed) if repository.tags[tag] not in needed)
    shared = tuple(tag for tag in sorted(doomed) if repository.tags[tag] in needed)
    return Removal(repository.name, gone, tuple(dict.fromkeys(going)), shared)


def plan_untagged(repository: Repository, stored: Iterable[str]) -> Removal:
    """The manifests of a repository that no tag leads to, of all that are `stored`."""
    needed = {one.digest for held in repository.held.values() for one in held.manifests}
    return Removal(repository.name, (), tuple(one for one in stored if one not in needed))


def older_tags(
    tags: Sequence[Tagged], keep: int, older_than: timedelta, now: datetime
) -> list[str]:
    """Tags beyond the newest `keep` that are also older than that; undated ones are kept."""
    dated = [(created, one.tag) for one in tags if (created := created_at(one.created))]
    # An image without a date counts as the epoch for its maker, not as the oldest.
    dated = [(created, tag) for created, tag in dated if created.year > 1980]
    dated.sort(reverse=True)
    return [tag for created, tag in dated[keep:] if created < now - older_than]


def remove(registry: Registry, shell: Shell, removal: Removal) -> list[str]:
    """Delete, and return the tags that this registry could not take away alone."""
    stayed = []
    for reference in (*removal.shared, *removal.digests):
        address = f"{registry.transport.base}/v2/{removal.repository}/manifests/{reference}"
        shown = command("curl", "--fail", "--silent", "--request", "DELETE", address)

        def act(reference: str = reference) -> bool:
            return registry.delete(removal.repository, reference)

        if shell.perform(shown, act) is False:
            stayed.append(reference)
    return stayed
