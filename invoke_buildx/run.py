"""A container of an image with the current folder at /workspace: a shell or one command."""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from invoke_buildx.build import build
from invoke_buildx.engine.command import Command, command
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError, command_line
from invoke_buildx.plan import Options, is_good_to_run
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project

# Chosen inside the container, so that no second one is started just to look for bash.
LOGIN_SHELL = "if command -v bash >/dev/null; then exec bash -li; fi; exec sh -li"
LOGIN_COMMAND = (
    "if command -v bash >/dev/null;"
    """ then exec bash -lc 'exec "$@"' bash "$@"; fi;"""
    """ exec sh -lc 'exec "$@"' sh "$@\""""
)


def run(
    project: Project,
    machine: Machine,
    image: Image,
    argv: Sequence[str],
    *,
    may_build: bool,
    terminal: bool,
) -> NoReturn:
    """Become `docker run`: an interactive login shell if `argv` is empty, else that command.

    Standard input, signals and the exit code are those of the container.
    """
    if may_build:
        if not is_good_to_run(project, machine, image):
            build(project, machine, [image], Options()).raise_failure()
    elif machine.daemon.image(str(image.reference)) is None:
        fix = command_line(f"build --image {image.label}")
        raise EngineError(f"{image.label} is not built. Build it: {fix}")
    machine.shell.become(run_command(project, image, argv, Path.cwd(), terminal))


def run_command(
    project: Project, image: Image, argv: Sequence[str], folder: Path, terminal: bool
) -> Command:
    """`docker run` for that folder; `--init` passes signals on, which PID 1 would ignore."""
    settings = project.settings.run
    inside = ("sh", "-c", LOGIN_COMMAND, "sh", *argv) if argv else ("sh", "-c", LOGIN_SHELL)
    return command(
        *("docker", "run", "--rm", "--init", "--interactive", "--pull", "never"),
        *(("--tty",) if terminal else ()),
        *("--network", settings.network),
        *("--mount", bind_mount(folder, settings.workspace)),
        *("--workdir", settings.workspace),
        str(image.reference),
        *inside,
    )


def bind_mount(source: Path, target: str) -> str:
    """A value of --mount, which is one line of CSV: a path may hold commas, quotes and colons."""
    fields = ("type=bind", f"source={source}", f"target={target}")
    return ",".join(_csv_field(field) for field in fields)


def _csv_field(text: str) -> str:
    if any(mark in text for mark in ',"\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
