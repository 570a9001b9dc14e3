"""Commands: as scripts, dry, echoed, executed, failing."""

import subprocess
import sys
from pathlib import Path

import pytest

from invoke_buildx.engine.command import Command, Shell, command
from invoke_buildx.errors import CommandError, EngineError


@pytest.mark.parametrize(
    "stdin", ["plain\n", "it's $HOME `x` \\ \n", "no newline", "INPUT\nINPUT_\n", "é🐳\r\n", "\n"]
)
def test_a_script_does_what_the_command_does(stdin: str) -> None:
    """Whatever the text holds, also the heredoc's own end mark."""
    wanted = command("cat", "-", stdin=stdin)
    done = subprocess.run(["sh"], input=wanted.script().encode(), capture_output=True, check=True)
    assert done.stdout.decode() == stdin


def test_words_are_quoted_for_a_shell() -> None:
    """Blanks and quotes stay inside their word."""
    assert command("echo", "a b", "it's").script() == """echo 'a b' 'it'"'"'s'"""


def test_dry_prints_on_standard_output_and_executes_nothing(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All ways of executing honour it; questions are still asked."""
    shell = Shell(dry=True)
    touch = command("touch", str(tmp_path / "x"))
    shell.run(touch)
    shell.run_quietly(touch)
    with pytest.raises(SystemExit) as caught:
        shell.become(touch)
    assert caught.value.code == 0
    assert capfd.readouterr().out == f"{touch.script()}\n" * 3
    assert not (tmp_path / "x").exists()
    assert shell.try_ask(command("echo", "hi")) == "hi\n"


def test_echo_prints_on_standard_error_and_executes(capfd: pytest.CaptureFixture[str]) -> None:
    """So that the command's own output stays clean."""
    Shell(echo=True).run(command("echo", "hi"))
    out, err = capfd.readouterr()
    assert (out, err) == ("hi\n", "+ echo hi\n")


def test_a_large_text_is_fed_at_once() -> None:
    """A megabyte of text goes in and comes out."""
    text = "é" * 500_000
    assert Shell().try_ask(command("cat", stdin=text)) == text


def test_failures_carry_the_commands_own_code(capfd: pytest.CaptureFixture[str]) -> None:
    """A quiet command shows the end of what it printed, and a signal is 128 and its number."""
    with pytest.raises(CommandError, match=r"sh failed \(exit code 3\)") as caught:
        Shell().run(command("sh", "-c", "exit 3"))
    assert caught.value.code == 3
    with pytest.raises(CommandError) as caught:
        Shell().run_quietly(command("env", "A=1", "sh", "-c", "seq 30; echo no >&2; exit 4"))
    lines = str(caught.value).splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("sh failed (exit code 4):", "  17", "  no")
    with pytest.raises(CommandError) as caught:
        Shell().run(command("sh", "-c", "kill -9 $$"))
    assert caught.value.code == 137
    assert Shell().try_ask(command("false")) is None
    assert capfd.readouterr().out == ""


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """For docker with the way to get it."""
    with pytest.raises(EngineError, match="The program 'no-such' is not on this machine's PATH"):
        Shell().run(command("no-such"))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineError, match=r"docker command is not on .* doctor --fix"):
        Shell().become(command("docker", "run"))


def test_a_terminated_tool_ends_its_command() -> None:
    """SIGTERM to us is no reason for a build to go on alone."""
    code = (
        "from invoke_buildx.engine.command import Shell, command\n"
        "Shell().run(command('sh', '-c', 'echo $$; exec sleep 100'))"
    )
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout
        child = int(running.stdout.readline())
        running.terminate()
    assert running.returncode != 0
    assert not Path(f"/proc/{child}").exists()


def test_progress_says_what_takes_its_time(capfd: pytest.CaptureFixture[str]) -> None:
    """On standard error, and not in a dry run."""
    with Shell().progress("thinking"):
        pass
    with Shell(dry=True).progress("thinking"):
        pass
    assert capfd.readouterr().err == "… thinking\n  done in 0 s\n"


def test_a_command_is_plain_data() -> None:
    """Equal words, equal commands."""
    assert command("a", "b") == Command(("a", "b"))
