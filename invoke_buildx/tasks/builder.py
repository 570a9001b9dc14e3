"""Tasks on this project's builders."""

from invoke.context import Context

from invoke_buildx.tasks.door import IMAGE_HELP, front_door, machine_of, project_of


@front_door(iterable=["image"], help={"image": IMAGE_HELP})
def create(c: Context, image: list[str]) -> None:
    """Create the builder of images, unless it is there"""
    from invoke_buildx.builder import builder_name, ensure_builder

    project, machine = project_of(c), machine_of(c)
    for chosen in project.select(image):
        name = builder_name(project, chosen, machine)
        created = ensure_builder(project, name, machine)
        if not machine.shell.dry:
            machine.shell.say(f"Builder '{name}' {'is created' if created else 'is there'}.")


@front_door(help={"json": "for programs"})
def ls(c: Context, json: bool = False) -> None:
    """List this project's builders"""
    from invoke_buildx.builder import project_builders
    from invoke_buildx.tasks.table import table

    found = project_builders(project_of(c), machine_of(c))
    if json:
        from json import dumps

        rows = [{"name": b.name, "driver": b.driver, "state": state} for b, state in found]
        print(dumps(rows, indent=2))
        return
    lines = [(builder.name, builder.driver, state) for builder, state in found]
    print(table(("BUILDER", "DRIVER", "STATE"), lines))


@front_door(iterable=["name"], help={"name": "a builder to remove; repeatable (default: all)"})
def rm(c: Context, name: list[str]) -> None:
    """Remove this project's builders with their caches"""
    from invoke_buildx.builder import remove_builders

    machine = machine_of(c)
    for removed in remove_builders(project_of(c), name, machine):
        if not machine.shell.dry:
            machine.shell.say(f"Removed builder '{removed}'.")
