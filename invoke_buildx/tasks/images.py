"""The root tasks: what is done with images."""

import sys
from typing import TYPE_CHECKING

from invoke.context import Context

from invoke_buildx.tasks.door import (
    IMAGE_HELP,
    front_door,
    machine_of,
    project_of,
    words_after_dashes,
)

if TYPE_CHECKING:
    from invoke_buildx.project.project import Project

ONE_IMAGE_HELP = "NAME or NAME:TAG (default: buildx.default)"
SET_HELP = "NAME=VALUE of a template variable; repeatable"


@front_door(
    iterable=["image", "set", "build_arg"],
    help={
        "image": IMAGE_HELP,
        "all": "every image and every variant",
        "push": "publish what is built, also to another host",
        "no-deps": "do not build the images it is made from",
        "dependents": "also build what is made from it",
        "force": "build, whether anything has changed or not",
        "jobs": "builds at once where images have builders of their own",
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
    dependents: bool = False,
    force: bool = False,
    jobs: int = 2,
    no_cache: bool = False,
    pull: bool = False,
    platform: str = "",
) -> None:
    """Build what changed, parents first, and deliver it"""
    from invoke_buildx.build import build as verb
    from invoke_buildx.plan import Options
    from invoke_buildx.project.graph import with_dependents

    project, machine = project_of(c, set, build_arg, platform), machine_of(c)
    chosen = list(project.images) if all else project.select(image)
    if dependents:
        chosen = with_dependents(project, chosen)
    outcome = verb(project, machine, chosen, Options(force, no_deps, no_cache, pull, jobs))
    outcome.raise_failure()
    if outcome.plan.is_done or not machine.shell.dry:
        machine.shell.say(outcome.summary())
    if push:
        from invoke_buildx import push as pushing

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


@front_door(
    iterable=["set"],
    help={
        "image": ONE_IMAGE_HELP,
        "set": SET_HELP,
        "diff": "against what the built image was made from",
    },
)
def render(c: Context, set: list[str], image: str = "", diff: bool = False) -> None:  # noqa: A002
    """Print the Dockerfile, and nothing else"""
    project = project_of(c, set)
    [chosen] = project.select([image] if image else [])[:1]
    if diff:
        from invoke_buildx.why import rendered_diff

        print("\n".join(rendered_diff(project, machine_of(c), chosen)))
        return
    # Bytes: line ends and text arrive as rendered, whatever the locale.
    sys.stdout.buffer.write(project.render(chosen).encode())
    sys.stdout.buffer.flush()


@front_door(
    iterable=["image"],
    help={"image": f"{IMAGE_HELP.split(' (')[0]} (default: all)", "json": "for programs"},
)
def status(c: Context, image: list[str], json: bool = False) -> None:
    """Show which images are built, pushed and up to date"""
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


@front_door(iterable=["image"], help={"image": IMAGE_HELP, "json": "for programs"})
def why(c: Context, image: list[str], json: bool = False) -> None:
    """Say what changed since an image was built"""
    from invoke_buildx.why import why as verb

    project = project_of(c)
    answers = verb(project, machine_of(c), project.select(image))
    if json:
        from dataclasses import asdict
        from json import dumps

        print(dumps([asdict(answer) for answer in answers], indent=2))
        return
    print("\n".join(answer.as_text() for answer in answers))


@front_door(help={"json": "for programs", "mermaid": "as a diagram"})
def graph(c: Context, json: bool = False, mermaid: bool = False) -> None:
    """Show what each image is made from, as a tree"""
    from invoke_buildx.project.graph import ordered, with_ancestors
    from invoke_buildx.tasks import tree

    project = project_of(c)
    nodes = ordered(with_ancestors(project, project.images))
    if json:
        from json import dumps

        print(dumps({"images": [node.as_json() for node in nodes]}, indent=2))
    elif mermaid:
        print(tree.mermaid(nodes))
    else:
        print(tree.tree(nodes, _remarks(c, project)))


def _remarks(c: Context, project: "Project") -> dict[str, str]:
    """The state of each image in a few words, nothing where no engine answers."""
    from invoke_buildx.errors import EngineError
    from invoke_buildx.status import status as verb

    machine = machine_of(c)
    try:
        rows = verb(project, machine, project.images)
    except EngineError as problem:
        machine.shell.say(f"{problem} The states are left out.")
        return {}
    return {row.image.label: row.engine + (f": {row.reason}" if row.reason else "") for row in rows}
