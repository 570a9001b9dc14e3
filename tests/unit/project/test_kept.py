"""What earlier runs rendered and read is taken only while it would be the same again."""

from dataclasses import replace
from pathlib import Path

import pytest
from projects import ProjectMaker

from invoke_buildx.project import kept
from invoke_buildx.project.kept import Kept
from invoke_buildx.project.project import Project
from invoke_buildx.project.references import Dockerfile

FILES = {
    "dockerfiles/a/Dockerfile.j2": 'FROM {{ ref("b") }}\n{% include "part.j2" ignore missing %}\n',
    "dockerfiles/b/Dockerfile.j2": "FROM debian:{{ version }}\nONBUILD COPY x /\n",
}
SETTINGS = {"images": {"b": {"vars": {"version": 1}}}}


def described(project: Project, folder: Path) -> tuple[str, Dockerfile]:
    """What a new run says of image `a`, keeping what it finds out."""
    run = replace(project, cache=folder)
    found = run.described(run.images[0])
    run.kept.save()
    return found


def test_a_second_run_needs_no_jinja_and_no_parser(
    make_project: ProjectMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says the same."""
    project = make_project(SETTINGS, FILES)
    first = described(project, tmp_path / "cache")
    monkeypatch.setitem(__import__("sys").modules, "invoke_buildx.project.template", None)
    monkeypatch.setitem(__import__("sys").modules, "invoke_buildx.project.dockerfile", None)
    assert described(project, tmp_path / "cache") == first
    assert [source.path for source in first[1].sources] == ["x"]


def test_every_change_is_seen(make_project: ProjectMaker, tmp_path: Path) -> None:
    """Of the template, an include that was missing, a value, a macro, and of the parent."""
    project = make_project(SETTINGS, FILES)
    cache, template = tmp_path / "cache", tmp_path / "dockerfiles/a/Dockerfile.j2"
    seen = [described(project, cache)]

    def differs() -> None:
        found = described(project, cache)
        assert found not in seen
        seen.append(found)

    template.write_text(template.read_text() + "LABEL a=b\n")
    differs()
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/part.j2").write_text("LABEL c=d\n")
    differs()
    template.write_text(template.read_text() + "{{ silent_bell() }}\n")
    differs()
    (tmp_path / "templates/macros").mkdir()
    bell = "{% macro silent_bell() %}LABEL bell=none{% endmacro %}\n"
    (tmp_path / "templates/macros/shell.j2").write_text(bell)
    differs()
    parent = tmp_path / "dockerfiles/b/Dockerfile.j2"
    parent.write_text("FROM debian\nONBUILD COPY y /\n")
    differs()
    project = replace(project, settings=replace(project.settings, namespace="other"))
    differs()


def test_what_is_used_outlives_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a file that cannot be read is as good as none."""
    monkeypatch.setattr(kept, "MOST", 3)
    path = tmp_path / "k.json"
    first = Kept(path)
    for key in "abc":
        first.put(key, {"text": key})
    first.save()
    second = Kept(path)
    second.put("a", second.get("a"))
    second.save()
    assert set(Kept(path).found) == {"a", "b", "c"}
    second.put("d", {})
    second.save()
    assert set(Kept(path).found) == {"a", "c", "d"}
    path.write_text("[broken")
    assert Kept(path).found == {}
    assert Kept(None).found == {}


def test_a_folder_that_cannot_be_written_to_is_done_without(
    make_project: ProjectMaker, tmp_path: Path
) -> None:
    """It would only have saved time."""
    (tmp_path / "file").touch()
    project = make_project(SETTINGS, FILES)
    assert described(project, tmp_path / "file/cache")[0].startswith("FROM ")
