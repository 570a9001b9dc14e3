"""Commands as data, and the one place that prints or executes them.

Nothing else in the package starts a process.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, NoReturn

from invoke_buildx.errors import CommandError, EngineError, command_line

LAST_LINES = 15


@dataclass(frozen=True)
class Command:
    """A program with its arguments, and the text on its standard input, if any.

    `stdin_name` names that text in the heredoc of `script()`, for the reader's eyes only.
    """

    argv: tuple[str, ...]
    stdin: str | None = None
    stdin_name: str = "INPUT"

    def script(self) -> str:
        """The command as text that a POSIX shell reads as exactly this command."""
        line = shlex.join(self.argv)
        if self.stdin is None:
            return line
        if not self.stdin.endswith("\n"):
            return f"printf %s {shlex.quote(self.stdin)} | {line}"
        end = self.stdin_name
        while end in self.stdin.splitlines():
            end += "_"
        return f"{line} <<'{end}'\n{self.stdin}{end}"


def command(*argv: str, stdin: str | None = None, stdin_name: str = "INPUT") -> Command:
    """Shorthand for a `Command` of these arguments."""
    return Command(argv, stdin, stdin_name)


@dataclass(frozen=True)
class Shell:
    """Where commands end: printed (`dry`), printed and executed (`echo`), or executed.

    A dry script goes to standard output, since it is what was asked for; an echo goes to
    standard error, so that it never mixes with the data of the command.
    """

    dry: bool = False
    echo: bool = False

    def run(self, wanted: Command) -> None:
        """Execute with our own standard output and error. Raises `CommandError`."""
        if not self._announce(wanted):
            return
        code = _wait(_start(wanted), wanted.stdin)
        if code:
            raise CommandError(f"{_name(wanted)} failed (exit code {code}).", code)

    def run_quietly(self, wanted: Command) -> None:
        """Execute without showing its output, unless it fails. Raises `CommandError`."""
        if not self._announce(wanted):
            return
        with tempfile.TemporaryFile() as output:
            code = _wait(_start(wanted, output, output), wanted.stdin)
            if code:
                output.seek(0)
                lines = output.read().decode(errors="replace").splitlines()[-LAST_LINES:]
                shown = "\n  ".join([f"{_name(wanted)} failed (exit code {code}):", *lines])
                raise CommandError(shown, code)

    def ask(self, wanted: Command) -> str:
        """The standard output of a command that changes nothing; runs when dry too."""
        done = self.try_ask(wanted)
        if done is None:
            raise CommandError(f"{_name(wanted)} failed.")
        return done

    def try_ask(self, wanted: Command) -> str | None:
        """As `ask`, but None when the command fails or is not there."""
        with tempfile.TemporaryFile() as output:
            try:
                code = _wait(_start(wanted, output, subprocess.DEVNULL), wanted.stdin)
            except EngineError:
                return None
            output.seek(0)
            return None if code else output.read().decode(errors="replace")

    def become(self, wanted: Command) -> NoReturn:
        """Replace this process, so that terminal, signals and exit code are the command's."""
        if not self._announce(wanted):
            sys.exit(0)
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            os.execvp(wanted.argv[0], wanted.argv)  # noqa: S606 - without a shell on purpose
        except FileNotFoundError:
            raise _missing(wanted.argv[0]) from None

    def say(self, text: str) -> None:
        """A remark for the person, on standard error."""
        print(text, file=sys.stderr, flush=True)

    @contextmanager
    def progress(self, doing: str) -> Iterator[None]:
        """Say what takes its time, and how long it took."""
        if self.dry:
            yield
            return
        began = time.monotonic()
        self.say(f"… {doing}")
        yield
        self.say(f"  done in {time.monotonic() - began:.0f} s")

    def _announce(self, wanted: Command) -> bool:
        """Print the command as asked for; False when it must not be executed."""
        if self.dry:
            print(wanted.script(), flush=True)
        elif self.echo:
            self.say(f"+ {wanted.script()}")
        return not self.dry


def _start(
    wanted: Command, stdout: IO[bytes] | int | None = None, stderr: IO[bytes] | int | None = None
) -> subprocess.Popen[bytes]:
    feed = subprocess.DEVNULL if wanted.stdin is None else subprocess.PIPE
    try:
        return subprocess.Popen(wanted.argv, stdin=feed, stdout=stdout, stderr=stderr)
    except FileNotFoundError:
        raise _missing(wanted.argv[0]) from None


def _wait(child: subprocess.Popen[bytes], stdin: str | None) -> int:
    """Feed and await the child; a signal to us ends the child first. 128+n for a signal."""
    previous = signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    try:
        child.communicate(None if stdin is None else stdin.encode())
    except KeyboardInterrupt:
        # The terminal has sent the signal to the child as well; one from `kill` has not.
        child.terminate()
        child.wait()
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt


def _name(wanted: Command) -> str:
    """`docker buildx build` for a docker command, the program's name for another."""
    words = [word for word in wanted.argv if "=" not in word and word != "env"]
    if words[0] == "docker":
        return " ".join(word for word in words[:3] if not word.startswith("-"))
    return words[0]


def _missing(program: str) -> EngineError:
    if program == "docker":
        return EngineError(
            "The docker command is not on this machine's PATH."
            f" Install it: {command_line('doctor --fix')}"
        )
    return EngineError(f"The program '{program}' is not on this machine's PATH.")
