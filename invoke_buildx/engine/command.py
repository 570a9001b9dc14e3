"""Commands as data, and the one place that prints or executes them.

Nothing else in the package starts a process.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, NoReturn, Self, TypeVar

from invoke_buildx.errors import CommandError, EngineError, command_line

if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Protocol

    class Terminable(Protocol):
        """What a signal to us must end: a process, or a request that takes long."""

        def terminate(self) -> None:
            """End it, from any thread."""


LAST_LINES = 15
Found = TypeVar("Found")
_running: "set[Terminable]" = set()


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

    def run(self, wanted: Command, **environ: str) -> None:
        """Execute with our own standard output and error. Raises `CommandError`.

        `environ` is added to the environment, for what the printed command leaves out.
        """
        if not self._announce(wanted):
            return
        code = _wait(_start(wanted, environ=environ), wanted.stdin)
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

    def perform(self, shown: Command, act: Callable[[], Found]) -> Found | None:
        """Do what that command would do, where we need no process for it; None when dry."""
        return act() if self._announce(shown) else None

    def follow(self, wanted: Command, each: Callable[[str], None], **environ: str) -> None:
        """Execute and hand over each line of its standard error. Raises `CommandError`.

        `environ` is added to the environment, for settings that the printed command leaves out.
        """
        if not self._announce(wanted):
            return
        with tempfile.TemporaryFile() as text:
            text.write((wanted.stdin or "").encode())
            text.seek(0)
            child = _start(wanted, stderr=subprocess.PIPE, stdin=text, environ=environ)
        with _signals_end(child), child:
            for line in child.stderr or ():
                each(line.decode(errors="replace").rstrip("\n"))
        code = _exit_code(child)
        if code:
            raise CommandError(f"{_name(wanted)} failed (exit code {code}).", code)

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
        # In one piece, since threads may speak at once.
        print(f"{text}\n", end="", file=sys.stderr, flush=True)

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


class Background:
    """Calls in threads, a few at once; all are over, or an error is raised, when it is left.

    `stopping` is set when one has failed or a signal has come, for calls that take long.
    """

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.stopping = threading.Event()
        self.running: list[Future[None]] = []

    def __enter__(self) -> Self:
        # Threads take 10 ms to import, which most commands need not pay.
        from concurrent.futures import ThreadPoolExecutor

        self.pool = ThreadPoolExecutor(self.at_once)
        return self

    def start(self, call: Callable[[], None]) -> None:
        """Run a call as soon as one of the threads is free."""
        self.running.append(self.pool.submit(call))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with _signals_end():
                for one in self.running if kind is None else ():
                    one.result()
        except BaseException:
            self.stopping.set()
            raise
        finally:
            self.pool.shutdown(wait=True, cancel_futures=True)


def side_by_side(calls: Sequence[Callable[[], None]], at_once: int) -> None:
    """Run these calls in threads, a few at once; a signal ends every process they started."""
    if len(calls) < 2 or at_once < 2:
        for call in calls:
            call()
        return
    with Background(at_once) as background:
        for call in calls:
            background.start(call)


def _start(
    wanted: Command,
    stdout: IO[bytes] | int | None = None,
    stderr: IO[bytes] | int | None = None,
    stdin: IO[bytes] | None = None,
    environ: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    feed = subprocess.DEVNULL if wanted.stdin is None else subprocess.PIPE
    added = {**os.environ, **environ} if environ else None
    try:
        return subprocess.Popen(
            wanted.argv, stdin=stdin or feed, stdout=stdout, stderr=stderr, env=added
        )
    except FileNotFoundError:
        raise _missing(wanted.argv[0]) from None


def _wait(child: subprocess.Popen[bytes], stdin: str | None) -> int:
    """Feed and await the child; its exit code."""
    with _signals_end(child):
        child.communicate(None if stdin is None else stdin.encode())
    return _exit_code(child)


def _exit_code(child: subprocess.Popen[bytes]) -> int:
    """128+n where a signal has ended the child."""
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


@contextmanager
def ended_by_signals(what: "Terminable") -> Iterator[None]:
    """A signal ends it while this is held, in whatever thread."""
    _running.add(what)
    try:
        yield
    finally:
        _running.discard(what)


@contextmanager
def _signals_end(*children: subprocess.Popen[bytes]) -> Iterator[None]:
    """A signal to us ends first what we have started, then us, as Ctrl-C does."""
    _running.update(children)
    main = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGTERM, lambda *_: _interrupt()) if main else None
    try:
        yield
    except KeyboardInterrupt:
        # The terminal has sent the signal to the children as well; one from `kill` has not.
        for child in list(_running):
            child.terminate()
        for child in children:
            child.wait()
        raise
    finally:
        _running.difference_update(children)
        if main:
            signal.signal(signal.SIGTERM, previous)


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
