"""Tasks on registries: the one on this machine, and any other that is named."""

from typing import Any

from invoke.context import Context

from invoke_buildx.tasks.door import front_door, machine_of, project_of

HOST_HELP = "another registry's host (default: buildx.registry)"


@front_door()
def up(c: Context) -> None:
    """Start the local registry, unless it runs"""
    from invoke_buildx.registry import ensure_registry, local_registry

    project, machine = project_of(c), machine_of(c)
    started = ensure_registry(project, machine)
    if not machine.shell.dry:
        how = "is started" if started else "is running"
        machine.shell.say(f"The registry at {local_registry(project)} {how}.")


@front_door()
def down(c: Context) -> None:
    """Stop the local registry and keep its data"""
    from invoke_buildx.registry import local_registry, stop_registry

    project, machine = project_of(c), machine_of(c)
    stopped = stop_registry(project, machine)
    if not machine.shell.dry:
        how = "is stopped; its data is kept" if stopped else "was not running, or is not ours"
        machine.shell.say(f"The registry at {local_registry(project)} {how}.")


@front_door(help={"json": "for programs"})
def status(c: Context, json: bool = False) -> None:
    """Show whether the local registry runs"""
    from dataclasses import asdict

    from invoke_buildx.registry import registry_state

    found = asdict(registry_state(project_of(c), machine_of(c)))
    _show(("HOST", "CONTAINER", "VOLUME", "STATE"), [found], json)


@front_door(help={"registry": HOST_HELP, "json": "for programs"})
def ls(c: Context, registry: str = "", json: bool = False) -> None:
    """List the repositories of a registry"""
    from invoke_buildx.engine.distribution import Registry

    host = Registry(registry or project_of(c).settings.registry)
    _show(("REPOSITORY",), [{"repository": name} for name in host.repositories()], json)


@front_door(
    help={
        "image": "an image of this project, or a repository",
        "registry": HOST_HELP,
        "json": "for programs",
    }
)
def tags(c: Context, image: str = "", registry: str = "", json: bool = False) -> None:
    """List the tags of an image, with their digests"""
    from invoke_buildx.engine.distribution import Registry
    from invoke_buildx.project.images import first_variants

    project = project_of(c)
    host = Registry(registry or project.settings.registry)
    ours = first_variants(project.images)
    chosen = ours.get(image) if image else project.select([])[0]
    repository = chosen.reference.path if chosen else image
    rows = [
        {"tag": tag, "digest": host.digest(repository, tag) or ""} for tag in host.tags(repository)
    ]
    _show(("TAG", "DIGEST"), rows, json)


def _show(heads: tuple[str, ...], rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        from json import dumps

        print(dumps(rows, indent=2))
        return
    from invoke_buildx.tasks.table import table

    print(table(heads, [tuple(map(str, row.values())) for row in rows]))
