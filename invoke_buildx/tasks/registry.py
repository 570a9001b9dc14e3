"""Tasks on the registry of this machine, and copies between registries."""

from invoke.context import Context

from invoke_buildx.tasks.door import ask_person, front_door, machine_of, project_of


@front_door()
def up(c: Context) -> None:
    """Start the local registry as the settings want it"""
    from invoke_buildx.registry import ensure_registry, local_registry, renew_registry

    project, machine = project_of(c), machine_of(c)
    renewed = renew_registry(project, machine)
    started = ensure_registry(project, machine)
    if not machine.shell.dry:
        how = "is started" if started else "is running"
        how = "is started anew with its data" if renewed else how
        machine.shell.say(f"The registry at {local_registry(project)} {how}.")


@front_door(help={"volumes": "delete its data too; asks before", "yes": "do not ask"})
def down(c: Context, volumes: bool = False, yes: bool = False) -> None:
    """Stop the local registry and keep its data"""
    from invoke_buildx.registry import (
        delete_registry_data,
        local_registry,
        refuse_registry_data_of_others,
        stop_registry,
    )

    project, machine = project_of(c), machine_of(c)
    if volumes:
        refuse_registry_data_of_others(project, machine)
    if volumes and not machine.shell.dry and not yes:
        ask_person(f"Delete everything in the registry at {local_registry(project)}?")
    stopped = stop_registry(project, machine)
    how = "is stopped; its data is kept" if stopped else "was not running, or is not ours"
    if volumes:
        delete_registry_data(project, machine)
        how = "and its data are gone"
    if not machine.shell.dry:
        machine.shell.say(f"The registry at {local_registry(project)} {how}.")


@front_door(help={"json": "for programs"})
def status(c: Context, json: bool = False) -> None:
    """Show whether the local registry runs"""
    from dataclasses import asdict

    from invoke_buildx.registry import services
    from invoke_buildx.service import service_state
    from invoke_buildx.tasks.table import show

    project, machine = project_of(c), machine_of(c)
    found = [asdict(service_state(one, machine)) for one in services(project)]
    heads = ("HOST", "CONTAINER", "DATA", "STATE", "")
    show(heads, found, json, differs=lambda differs: "other settings" if differs else "")


@front_door(help={"registry": "another one, of which the disk is not seen", "json": "for programs"})
def du(c: Context, registry: str = "", json: bool = False) -> None:
    """Show what a registry's repositories take, each and shared"""
    from invoke_buildx.catalogue import read_repositories, repository_names, stored_sizes
    from invoke_buildx.registry import local_registry, registry_at
    from invoke_buildx.storage import bytes_on_disk
    from invoke_buildx.tasks.table import show, size_text

    project, machine = project_of(c), machine_of(c)
    local = local_registry(project)
    total = bytes_on_disk(project, machine) if registry in ("", local) else None
    host = registry_at(project, machine, registry or local)
    known = [image.reference.path for image in project.images]
    names, complete = repository_names(host, known)
    if not complete:
        machine.shell.say(f"{host.host} shows nobody its list; these are the project's own images.")
    found = read_repositories(host, names)
    rows = [{"repository": name, **sizes} for name, sizes in stored_sizes(found, total).items()]
    show(("REPOSITORY", "SIZE", "ONLY HERE"), rows, json, size=size_text, own=size_text)


@front_door(help={"json": "for programs: bytes before and after"})
def gc(c: Context, json: bool = False) -> None:
    """Give back the space of what was deleted"""
    from json import dumps

    from invoke_buildx.storage import bytes_on_disk, collect_garbage
    from invoke_buildx.tasks.table import size_text

    project, machine = project_of(c), machine_of(c)
    before = bytes_on_disk(project, machine)
    collect_garbage(project, machine)
    if machine.shell.dry:
        return
    after = bytes_on_disk(project, machine)
    if json:
        print(dumps({"before": before, "after": after}, indent=2))
    else:
        machine.shell.say(f"{size_text(before)} before, {size_text(after)} now.")


@front_door(
    iterable=["image"],
    help={"image": "an image of others, such as debian:bookworm", "json": "for programs"},
)
def mirror(c: Context, image: list[str], json: bool = False) -> None:
    """Copy other people's images into the local registry"""
    from json import dumps

    from invoke_buildx.errors import UsageError
    from invoke_buildx.mirroring import mirror as verb

    if not image:
        raise UsageError("Say which: --image debian:bookworm")
    project, machine = project_of(c), machine_of(c)
    done = []
    for word in image:
        target = verb(project, machine, word)
        done.append({"image": word, "ref": str(target)})
        if not machine.shell.dry:
            machine.shell.say(f"{word} is mirrored as {target}.")
    if json and not machine.shell.dry:
        print(dumps(done, indent=2))


@front_door(
    help={
        "source": "HOST/REPOSITORY:TAG or @DIGEST",
        "target": "HOST/REPOSITORY:TAG",
        "json": "for programs: digest, bytes that were sent and spared",
    }
)
def copy(c: Context, source: str, target: str, json: bool = False) -> None:
    """Copy an image from registry to registry"""
    from dataclasses import asdict
    from json import dumps

    from invoke_buildx.copying import Place
    from invoke_buildx.copying import copy as verb
    from invoke_buildx.project.reference import parse_reference
    from invoke_buildx.registry import registry_at
    from invoke_buildx.tasks.table import size_text

    project, machine = project_of(c), machine_of(c)

    def place(word: str) -> Place:
        reference = parse_reference(word).canonical()
        return Place(registry_at(project, machine, reference.host), reference)

    done = verb(place(source), place(target), machine.shell)
    if done and json:
        print(dumps(asdict(done), indent=2))
    elif done:
        how = f"{size_text(done.sent)} sent, {size_text(done.spared)} were there"
        machine.shell.say(f"{target} is {done.digest}: {how}.")
