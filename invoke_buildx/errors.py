"""The errors a person sees: one clear sentence with what, where and the next command.

BuildxError            exit 1
├── UsageError         exit 2: the command line asks for something that is not there
├── SettingsError      exit 1: invoke.yaml or the environment says something impossible
├── TemplateError      exit 1: a template or a Dockerfile is wrong, with file and line
├── EngineError        exit 1: Docker, a builder or a registry is not as it must be
└── CommandError       the exit code of the command that failed
"""

import os
from collections.abc import Iterable

from invoke.exceptions import Exit


class BuildxError(Exit):
    """Base of all our errors; Invoke prints the message on stderr and exits with `code`."""

    exit_code = 1

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message, self.exit_code if code is None else code)

    def __str__(self) -> str:
        return str(self.message)


class UsageError(BuildxError):
    """The command line names something impossible or unknown."""

    exit_code = 2


class SettingsError(BuildxError):
    """The settings are wrong; the message holds every problem, one a line."""


class TemplateError(BuildxError):
    """A template cannot be rendered, or its result is no Dockerfile that can be built."""


class EngineError(BuildxError):
    """The engine, a builder or a registry does not answer or is not as it must be."""


class CommandError(BuildxError):
    """A command that we started failed; `code` is its own exit code."""


def nearest(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the known name closest to `name`, or an empty string."""
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def command_line(arguments: str) -> str:
    """What to type for one of our tasks, with the program as the person called it."""
    return f"{os.environ.get('INV_PROGRAM', 'invoke')} {arguments}"
