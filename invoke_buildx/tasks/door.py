"""What every task shares: how it is declared, and its project and machine from Invoke's context."""

import functools
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.tasks import Task, task

from invoke_buildx.errors import CommandError

if TYPE_CHECKING:
    from invoke_buildx.engine.machine import Machine
    from invoke_buildx.project.project import Project
    from invoke_buildx.project.settings import Sources

OWN_KEY = "invoke_buildx"
INTERRUPTED = 130
IMAGE_HELP = "NAME, NAME:TAG or a glob of either; repeatable (default: buildx.default)"
# The strongest first, as Invoke merges them.
LEVELS = ("overrides", "runtime", "project", "user", "system", "collection")


def front_door(**options: Any) -> Callable[[Callable[..., None]], Task[Any]]:
    """Declare a task: short flags only where chosen, exit code 130 for Ctrl-C."""

    def declare(body: Callable[..., None]) -> Task[Any]:
        @functools.wraps(body)
        def guarded(*args: Any, **kwargs: Any) -> None:
            try:
                body(*args, **kwargs)
            except KeyboardInterrupt:
                raise CommandError("Interrupted.", INTERRUPTED) from None

        declared: Task[Any] = task(auto_shortflags=False, **options)(guarded)
        return declared

    return declare


def machine_of(c: Context) -> "Machine":
    """The machine, with Invoke's core flags --dry and --echo honoured."""
    from invoke_buildx.engine.command import Shell
    from invoke_buildx.engine.machine import Machine

    return Machine(Shell(dry=bool(c.config.run.dry), echo=bool(c.config.run.echo)), os.environ)


def project_of(
    c: Context,
    set_values: Iterable[str] = (),
    build_args: Iterable[str] = (),
    platforms: str = "",
) -> "Project":
    """The project that this collection was made for. Raises `SettingsError`."""
    from invoke_buildx.project.identity import caller
    from invoke_buildx.project.project import Project, parse_assignments
    from invoke_buildx.project.settings import ROOT, read_settings

    root = Path(c.config[OWN_KEY]["root"])
    data = _plain(c.config.get(ROOT) or {})
    settings = read_settings(data, _sources(c), root.name, os.environ)
    overrides = parse_assignments("set", set_values)
    args = parse_assignments("build-arg", build_args)
    wanted = tuple(platforms.split(",")) if platforms else ()
    cache = machine_of(c).cache
    return Project(root, settings, caller(), overrides, args, wanted, cache)


def ask_person(question: str) -> None:
    """Go on only after a yes on the terminal. Raises `UsageError`."""
    from invoke_buildx.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("Nothing is deleted without a yes: add --yes.")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise UsageError("Nothing was deleted.")


def words_after_dashes(c: Context) -> list[str]:
    """What follows `--`, word for word; Invoke's own remainder has lost the quoting."""
    from invoke.main import program

    words = list(getattr(program, "argv", None) or sys.argv)
    rest = words[words.index("--") + 1 :] if "--" in words else []
    return rest if " ".join(rest) == c.remainder else shlex.split(c.remainder)


def _sources(c: Context) -> "Sources":
    """Where settings come from, to name the file of a bad one; Invoke keeps this to itself."""
    found = []
    for level in LEVELS:
        data = getattr(c.config, f"_{level}", None)
        path = getattr(c.config, f"_{level}_path", None)
        if isinstance(data, Mapping):
            found.append((str(path) if path else "tasks.py", data))
    return found


def _plain(value: Any) -> Any:
    """Invoke's proxies as plain dictionaries."""
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return value
