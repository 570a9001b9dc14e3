"""Tasks that look into a registry and take images out of it."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from invoke_buildx.tasks.door import ask_person, front_door, machine_of, project_of

if TYPE_CHECKING:
    from invoke_buildx.asked import Asked
    from invoke_buildx.engine.machine import Machine
    from invoke_buildx.project.project import Project
    from invoke_buildx.removal import Removal

HOST_HELP = "another registry's host (default: buildx.registry)"
REPOSITORY_HELP = "an image of this project, or REPOSITORY (default: buildx.default)"
JSON_HELP = "for programs"
YES_HELP = "do not ask"
DELETED_HELP = "for programs: what was deleted and what could not be"
AGE = {"h": 1, "d": 24, "w": 24 * 7}  # hours


@front_door(
    help={
        "registry": HOST_HELP,
        "sizes": "also of more than 400 repositories",
        "json": JSON_HELP,
    }
)
def ls(c: Context, registry: str = "", sizes: bool = False, json: bool = False) -> None:
    """List the repositories of a registry with their sizes"""
    from invoke_buildx.catalogue import (
        FEW_REPOSITORIES,
        count_tags,
        read_repositories,
        repository_names,
    )
    from invoke_buildx.registry import registry_at
    from invoke_buildx.tasks.table import show, size_text

    project, machine = project_of(c), machine_of(c)
    host = registry_at(project, machine, registry or project.settings.registry)
    known = [image.reference.path for image in project.images]
    names, complete = repository_names(host, known)
    if not complete:
        machine.shell.say(f"{host.host} shows nobody its list; these are the project's own images.")
    found: list[dict[str, Any]]
    if sizes or len(names) <= FEW_REPOSITORIES:
        found = [
            {"repository": one.name, "tags": len(one.tags), "size": sum(one.blobs.values())}
            for one in read_repositories(host, names)
        ]
    else:
        machine.shell.say(f"The sizes of {len(names)} repositories take a while: --sizes")
        counts = count_tags(host, names)
        found = [{"repository": name, "tags": n, "size": None} for name, n in counts.items()]
    show(("REPOSITORY", "TAGS", "SIZE"), found, json, size=lambda n: size_text(n) if n else "")


@front_door(help={"image": REPOSITORY_HELP, "registry": HOST_HELP, "json": JSON_HELP})
def tags(c: Context, image: str = "", registry: str = "", json: bool = False) -> None:
    """List the tags of an image with size, age and state"""
    from invoke_buildx.asked import asked
    from invoke_buildx.catalogue import read_repository, read_tags
    from invoke_buildx.service import PROJECT_LABEL
    from invoke_buildx.tasks.table import show, size_text

    project, machine = project_of(c), machine_of(c)
    where = asked(project, machine, image, registry)
    states = _states(project, machine, where)
    rows = [
        {
            "tag": one.tag,
            "digest": one.digest,
            "platforms": list(one.platforms),
            "size": one.size,
            "created": one.created,
            "ours": one.labels.get(PROJECT_LABEL) == project.namespace,
            "state": states.get(one.tag, ""),
        }
        for one in read_tags(where.registry, read_repository(where.registry, where.repository))
    ]
    heads = ("TAG", "DIGEST", "PLATFORMS", "SIZE", "CREATED", "OURS", "STATE")
    texts = {"size": size_text, "digest": _short, "ours": _yes}
    show(heads, rows, json, platforms=",".join, created=lambda date: date[:19], **texts)


@front_door(help={"image": f"{REPOSITORY_HELP}, :TAG", "registry": HOST_HELP, "json": JSON_HELP})
def inspect(c: Context, image: str = "", registry: str = "", json: bool = False) -> None:
    """Show the layers and labels of an image"""
    from invoke_buildx.asked import asked
    from invoke_buildx.inspection import inspect_image
    from invoke_buildx.tasks.facts import as_text

    project, machine = project_of(c), machine_of(c)
    known = [one.reference.path for one in project.images]
    found = inspect_image(asked(project, machine, image, registry), known)
    if json:
        from json import dumps

        print(dumps(found, indent=2))
    else:
        print(as_text(found))


@front_door(
    iterable=["image"],
    help={
        "image": "IMAGE:TAG or REPOSITORY:TAG, the tag may be a glob; repeatable",
        "untagged": "what no tag leads to, in all of the local registry or in these images",
        "registry": HOST_HELP,
        "yes": YES_HELP,
        "json": DELETED_HELP,
    },
)
def rm(
    c: Context,
    image: list[str],
    untagged: bool = False,
    registry: str = "",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Delete tags from a registry; asks before"""
    from invoke_buildx.asked import asked
    from invoke_buildx.catalogue import read_repository
    from invoke_buildx.errors import UsageError
    from invoke_buildx.removal import plan_removal, tags_matching

    project, machine = project_of(c), machine_of(c)
    if untagged:
        if registry:
            raise UsageError("Only the local registry can be searched for what has no tag.")
        names = [asked(project, machine, word).repository for word in image]
        _remove(machine, _untagged(project, machine, names), yes, json)
        return
    if not image:
        raise UsageError("Say what to delete: --image NAME:TAG, or --untagged.")
    chosen: list[tuple[Asked, Removal]] = []
    for word in image:
        where = asked(project, machine, word, registry)
        if not where.label:
            raise UsageError(
                f"Say which tag of {word}: --image '{word}:TAG', or '{word}:*' for all."
            )
        held = read_repository(where.registry, where.repository)
        chosen.append((where, plan_removal(held, tags_matching(held, where.label))))
    _remove(machine, chosen, yes, json)


@front_door(
    iterable=["image"],
    help={
        "image": f"{REPOSITORY_HELP}; repeatable",
        "keep": "how many of the newest tags stay (default: 5)",
        "older-than": "only what is older: 12h, 30d, 8w",
        "registry": HOST_HELP,
        "yes": YES_HELP,
        "json": DELETED_HELP,
    },
)
def prune(
    c: Context,
    image: list[str],
    keep: int = 5,
    older_than: str = "0h",
    registry: str = "",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Delete all but the newest tags of images; asks before"""
    from invoke_buildx.asked import asked
    from invoke_buildx.catalogue import read_repository, read_tags
    from invoke_buildx.errors import UsageError
    from invoke_buildx.removal import older_tags, plan_removal

    project, machine, age = project_of(c), machine_of(c), _age(older_than)
    if keep < 0:
        raise UsageError("--keep wants the number of tags that stay, 0 or more.")
    chosen = []
    for word in image or [""]:
        where = asked(project, machine, word, registry)
        held = read_repository(where.registry, where.repository)
        doomed = older_tags(read_tags(where.registry, held), keep, age, datetime.now(UTC))
        chosen.append((where, plan_removal(held, doomed)))
    _remove(machine, chosen, yes, json)


@front_door(
    help={
        "registry": HOST_HELP,
        "export": "write the page to this file, and serve nothing",
        "port": "where on this machine to listen (default: a free port)",
        "container": "by klausmeyer/docker-registry-browser instead",
    }
)
def browse(
    c: Context, registry: str = "", export: str = "", port: int = 0, container: bool = False
) -> None:
    """Look at a registry in the browser, until Ctrl-C"""
    from pathlib import Path

    from invoke_buildx.browsing import export_page, run_browser_container, serve_pages
    from invoke_buildx.registry import registry_at

    project, machine = project_of(c), machine_of(c)
    place = registry_at(project, machine, registry or project.settings.registry)
    if container:
        run_browser_container(machine, place, port)
    elif export:
        export_page(project, machine, place, Path(export).resolve())
        if not machine.shell.dry:
            machine.shell.say(f"The page is {Path(export).resolve()}.")
    else:
        serve_pages(project, machine, place, port)


def _states(project: "Project", machine: "Machine", where: "Asked") -> dict[str, str]:
    """Whether the registry's tags of our own images are what the files say."""
    from invoke_buildx.status import status

    ours = [
        one
        for one in project.images
        if (one.reference.host, one.reference.path) == (where.registry.host, where.repository)
    ]
    return {found.image.tag: found.registry for found in status(project, machine, ours)}


def _untagged(
    project: "Project", machine: "Machine", repositories: list[str]
) -> "list[tuple[Asked, Removal]]":
    from invoke_buildx.asked import Asked
    from invoke_buildx.catalogue import read_repository
    from invoke_buildx.registry import local_registry, registry_at
    from invoke_buildx.removal import plan_untagged
    from invoke_buildx.storage import stored_manifests

    host = registry_at(project, machine, local_registry(project))
    return [
        (Asked(host, name, ""), plan_untagged(read_repository(host, name), digests))
        for name, digests in sorted(stored_manifests(project, machine).items())
        if not repositories or name in repositories
    ]


def _remove(
    machine: "Machine", chosen: "list[tuple[Asked, Removal]]", yes: bool, json: bool
) -> None:
    """Say what would go, ask, delete, and say what could not."""
    from json import dumps

    from invoke_buildx.removal import remove

    wanted = [(where, one) for where, one in chosen if one.digests or one.shared]
    if not wanted:
        machine.shell.say("There is nothing to delete.")
    _show_wanted(machine, wanted)
    if wanted and not machine.shell.dry and not yes:
        ask_person("Delete these?")
    rows = [
        {
            "repository": f"{where.registry.host}/{one.repository}",
            "tags": [*one.tags],
            "digests": [*one.digests],
            "stayed": remove(where.registry, machine.shell, one),
        }
        for where, one in wanted
    ]
    for row in rows:
        for tag in row["stayed"]:
            machine.shell.say(
                f"{row['repository']}:{tag} stays: another tag has the same manifest, and this"
                " registry can only delete both."
            )
    if machine.shell.dry:
        return
    if json:
        print(dumps(rows, indent=2))
    if any(row["digests"] for row in rows):
        machine.shell.say("Deleted. A registry of ours gives the space back by: registry.gc")


def _show_wanted(machine: "Machine", wanted: "list[tuple[Asked, Removal]]") -> None:
    for where, one in wanted:
        for tag in (*one.tags, *one.shared):
            machine.shell.say(f"  {where.registry.host}/{one.repository}:{tag}")
        if not one.tags and not one.shared:
            machine.shell.say(f"  {len(one.digests)} untagged in {one.repository}")


def _age(text: str) -> timedelta:
    from invoke_buildx.errors import UsageError

    if text[-1:] not in AGE or not text[:-1].isdecimal():
        raise UsageError(f"--older-than wants a number with h, d or w, such as 30d, not '{text}'.")
    return timedelta(hours=int(text[:-1]) * AGE[text[-1]])


def _short(value: Any) -> str:
    """A digest as people compare them."""
    return str(value).removeprefix("sha256:")[:12]


def _yes(value: Any) -> str:
    return "yes" if value else ""
