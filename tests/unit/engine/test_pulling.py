"""Pulls by the engine's API: how they end when they are told to, and what stands in for them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from invoke_buildx.engine.command import Shell
from invoke_buildx.engine.daemon import Daemon
from invoke_buildx.engine.pulling import Pull, pull
from invoke_buildx.errors import CommandError
from invoke_buildx.project.reference import Reference

REFERENCE = Reference("localhost:5000", "team/tool", "1")


@contextmanager
def engine(
    path: Path, answer: bytes | None, heard: threading.Event | None = None
) -> Iterator[list[bytes]]:
    """A socket that gives one answer to a request, or none; the list has what was asked."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            one, _ = listener.accept()
            with one:
                asked.append(one.recv(65536))
                if heard:
                    heard.set()
                if answer is None:
                    one.recv(1)  # until the other side has gone
                else:
                    one.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        yield asked
        serving.join()


def said(*lines: str) -> bytes:
    """An answer of the engine with these lines of progress."""
    body = "\r\n".join(lines).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_the_last_line_says_how_it_ended(tmp_path: Path) -> None:
    """The engine answers 200 whatever comes of it."""
    good, bad = '{"status":"Downloaded newer image"}', '{"errorDetail":{},"error":"no such"}'
    for number, (lines, ends_well) in enumerate([((good,), True), ((good, bad), False)]):
        path = tmp_path / f"{number}.sock"
        with engine(path, said(*lines)) as asked:
            assert Pull(str(path), REFERENCE).run() is ends_well
        line = asked[0].splitlines()[0].decode()
        assert line == "POST /images/create?fromImage=localhost%3A5000%2Fteam%2Ftool&tag=1 HTTP/1.1"


def test_a_pull_that_waits_ends_at_once_when_told_to(tmp_path: Path) -> None:
    """As a process would, with the code of Ctrl-C."""
    path = tmp_path / "engine.sock"
    heard = threading.Event()
    with engine(path, None, heard):
        waiting = Pull(str(path), REFERENCE)

        def end() -> None:
            heard.wait()
            waiting.terminate()

        ending = threading.Thread(target=end)
        ending.start()
        with pytest.raises(CommandError) as ended:
            waiting.run()
        ending.join()
    assert ended.value.code == 130


def test_a_dry_run_shows_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And asks nobody."""
    daemon = Daemon({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    pull(Shell(dry=True), daemon, REFERENCE)
    assert capsys.readouterr().out == "docker pull --quiet localhost:5000/team/tool:1\n"


@pytest.mark.parametrize(
    "environ",
    [{"DOCKER_HOST": "tcp://localhost:1"}, {"DOCKER_CONTENT_TRUST": "1"}],
)
def test_what_only_the_command_can_do_is_left_to_it(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another engine, signatures; here there is no such command."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Exception, match="docker command is not on this machine's PATH"):
        pull(Shell(), Daemon(environ), REFERENCE)


def test_a_failed_pull_is_told_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have a login, and its words are known to people."""
    path = tmp_path / "engine.sock"
    monkeypatch.setenv("PATH", "")
    daemon = Daemon({"DOCKER_HOST": f"unix://{path}"})
    with (
        engine(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"),
        pytest.raises(Exception, match="docker command"),
    ):
        pull(Shell(), daemon, REFERENCE)
