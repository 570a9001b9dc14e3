"""The root tasks: what is done with images."""

import sys

from invoke.context import Context

from invoke_buildx.tasks.door import (
    IMAGE_HELP,
    front_door,
    machine_of,
    project_of,
    words_after_dashes,
)

ONE_IMAGE_HELP = "NAME or NAME:TAG (default: buildx.default)"
SET_HELP = "NAME=VALUE of a template variable; repeatable"


@front_door(
    iterable=["image", "set", "build_arg"],
    help={
        "image": IMAGE_HELP,
        "all": "every image and every variant",
        "push": "publish what is built, also to another host",
        "no-deps": "do not build the images it is made from",
        "no-cache": "run every instruction again",
        "pull": "ask for newer base images",
        "set": SET_HELP,
        "build-arg": "NAME=VALUE passed to the build as it is; repeatable",
        "platform": "platforms to build for, comma-separated",
    },
)
def build(
    c: Context,
    image: list[str],
    set: list[str],  # noqa: A002 - the flag is called --set
    build_arg: list[str],
    all: bool = False,  # noqa: A002 - the flag is called --all
    push: bool = False,
    no_deps: bool = False,
    no_cache: bool = False,
    pull: bool = False,
    platform: str = "",
) -> None:
    """Build images, parents first, into engine and registry"""
    from invoke_buildx import build as verb
    from invoke_buildx import push as pushing

    project, machine = project_of(c, set, build_arg), machine_of(c)
    chosen = list(project.images) if all else project.select(image)
    platforms = tuple(platform.split(",")) if platform else ()
    verb.build(project, machine, chosen, verb.Options(no_deps, no_cache, pull, platforms))
    if push:
        pushing.push(project, machine, chosen)


@front_door(iterable=["image"], help={"image": IMAGE_HELP, "all": "every image and every variant"})
def push(c: Context, image: list[str], all: bool = False) -> None:  # noqa: A002
    """Publish what is built to the image's registry"""
    from invoke_buildx import push as verb

    project, machine = project_of(c), machine_of(c)
    chosen = list(project.images) if all else project.select(image)
    for pushed, sent in verb.push(project, machine, chosen):
        if not machine.shell.dry:
            machine.shell.say(f"{pushed.reference} {'is pushed' if sent else 'is there already'}.")


@front_door(help={"image": ONE_IMAGE_HELP, "no-build": "fail rather than build a missing image"})
def shell(c: Context, image: str = "", no_build: bool = False) -> None:
    """Open a login shell with this folder at /workspace"""
    _run(c, image, no_build)


@front_door(help={"image": ONE_IMAGE_HELP, "no-build": "fail rather than build a missing image"})
def run(c: Context, image: str = "", no_build: bool = False) -> None:
    """Run a command in the image: run -- COMMAND ARGUMENTS

    The words after -- arrive exactly as typed; its exit code is the command's. It ends the
    chain of tasks, since the container takes the place of this process.
    """
    _run(c, image, no_build)


def _run(c: Context, image: str, no_build: bool) -> None:
    from invoke_buildx.run import run as verb

    project, machine = project_of(c), machine_of(c)
    [chosen] = project.select([image] if image else [])[:1]
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    words = words_after_dashes(c)
    verb(project, machine, chosen, words, may_build=not no_build, terminal=terminal)


@front_door(iterable=["set"], help={"image": ONE_IMAGE_HELP, "set": SET_HELP})
def render(c: Context, set: list[str], image: str = "") -> None:  # noqa: A002
    """Print the Dockerfile, and nothing else"""
    project = project_of(c, set)
    [chosen] = project.select([image] if image else [])[:1]
    # Bytes: line ends and text arrive as rendered, whatever the locale.
    sys.stdout.buffer.write(project.render(chosen).encode())
    sys.stdout.buffer.flush()


@front_door(
    iterable=["image"],
    help={"image": f"{IMAGE_HELP.split(' (')[0]} (default: all)", "json": "for programs"},
)
def status(c: Context, image: list[str], json: bool = False) -> None:
    """Show which images are built and pushed"""
    from invoke_buildx.status import status as verb
    from invoke_buildx.tasks.table import table

    project = project_of(c)
    rows = verb(project, machine_of(c), project.select(image) if image else project.images)
    if json:
        from json import dumps

        print(dumps([row.as_json() for row in rows], indent=2))
        return
    lines = [(row.image.label, row.engine, row.registry, row.reason) for row in rows]
    print(table(("IMAGE", "BUILT", "PUSHED", "REMARK"), lines))
