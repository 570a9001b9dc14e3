"""What a person sees before any engine is asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.main import program
from projects import REPOSITORY

from invoke_buildx.tasks.door import words_after_dashes
from invoke_buildx.tasks.table import table, wants_colour

TASKS = subprocess.run(
    [sys.executable, "-m", "invoke", "--list", "--list-format=flat"],
    cwd=REPOSITORY, capture_output=True, text=True, check=True,
).stdout  # fmt: skip
NAMES = [line.split()[0] for line in TASKS.splitlines()[2:] if line.strip()]
CORE_FLAGS = {"dry", "echo", "list", "help", "debug", "config", "collection"}
HEAVY = {"docker", "requests", "jinja2", "e2b_dockerfile_utils", "invoke_buildx.project.settings"}


def invoke(*words: str, code: int = 0, cwd: Path = REPOSITORY, **environ: str) -> tuple[str, str]:
    """Standard output and error of Invoke with these words."""
    argv = [sys.executable, "-m", "invoke", *words]
    env = {**os.environ, **environ}
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def test_every_task_is_listed_with_a_line_that_fits() -> None:
    """At most 60 characters, imperative, no full stop."""
    assert len(NAMES) == 25
    for line in TASKS.splitlines()[2:]:
        text = line.split(maxsplit=1)[1].strip() if line.strip() else "Ok"
        assert len(text) <= 60
        assert text[0].isupper()
        assert not text.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_every_flag_of_a_task_is_explained(name: str) -> None:
    """And none hides one of Invoke's own."""
    from invoke_buildx.tasks import namespace

    task = namespace(REPOSITORY)[name]
    arguments = task.get_arguments()
    assert all(argument.help for argument in arguments)
    assert not {argument.name for argument in arguments} & CORE_FLAGS
    assert "Docstring:" in invoke("--help", name)[0]


def test_listing_tasks_imports_nothing_heavy() -> None:
    """Tab completion pays for each import."""
    code = "import sys, invoke_buildx as b; b.collection('.'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_the_public_names_are_these() -> None:
    """What tasks.py may rely on."""
    import invoke_buildx

    assert invoke_buildx.__all__ == ["__version__", "collection"]


def test_render_prints_the_dockerfile_and_nothing_else() -> None:
    """For each variant, with what was set."""
    out, err = invoke("render", "--image", "swiss-knife:ubuntu-24.04")
    assert (out.splitlines()[0], err) == ("FROM ubuntu:24.04", "")
    assert out.endswith("WORKDIR /workspace\n")
    assert invoke("render", "--set", "base=x:1")[0].startswith("FROM x:1\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["render", "--image", "swiss"], "No image is called 'swiss'. Did you mean 'swiss-knife'?"),
        (["build", "--image", "--help"], "--image was given '--help', which is an option"),
        (["render", "--set", "x"], "--set takes NAME=VALUE, not 'x'"),
    ],
)
def test_wrong_usage_is_one_sentence_with_code_2(words: list[str], message: str) -> None:
    """And nothing is done."""
    _, err = invoke(*words, code=2)
    assert message in err
    assert len(err.splitlines()) == 1


def test_wrong_settings_name_their_file(tmp_path: Path) -> None:
    """Or the variable that holds them."""
    (tmp_path / "tasks.py").write_text((REPOSITORY / "tasks.py").read_text())
    (tmp_path / "invoke.yaml").write_text("buildx: {defualt: x}\n")
    _, err = invoke("render", cwd=tmp_path, code=1)
    assert err == (
        f"{tmp_path}/invoke.yaml: buildx.defualt is no setting. Did you mean 'default'?\n"
    )
    _, err = invoke("render", code=1, INVOKE_BUILDX_REGISTRY="A B")
    assert err.startswith("environment (INVOKE_BUILDX_REGISTRY): buildx.registry 'A B' is no host")


def test_words_after_dashes_keep_their_quoting(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the program's own words, or from Invoke's remainder when there are none."""
    context = Context()
    monkeypatch.setattr(program, "argv", ["inv", "run", "--", "a b", "--", "c"], raising=False)
    context.remainder = "a b -- c"
    assert words_after_dashes(context) == ["a b", "--", "c"]
    context.remainder = "'x y' z"
    assert words_after_dashes(context) == ["x y", "z"]


def test_tables_are_aligned_and_coloured_only_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR, a pipe and a dumb terminal are respected."""
    rows = [("a", "ok"), ("long", "bad")]
    assert table(("N", "STATE"), rows, colour=False) == "N     STATE\na     ok\nlong  bad"
    assert "\033[32mok   \033[0m" in table(("N", "STATE"), rows, colour=True)
    assert table(("N",), []) == "(none)"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert wants_colour({"TERM": "xterm"})
    assert not wants_colour({"TERM": "xterm", "NO_COLOR": "1"})
    assert not wants_colour({"TERM": "dumb"})
