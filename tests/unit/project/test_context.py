"""Files that a Dockerfile refers to, and those that are not there."""

import os
from pathlib import Path

import pytest

from invoke_buildx.errors import SettingsError
from invoke_buildx.project import context
from invoke_buildx.project.context import contents, folded, missing_sources
from invoke_buildx.project.kept import Kept
from invoke_buildx.project.references import Source


def missing(context: Path, *paths: str) -> list[str]:
    """What is wrong with these sources, in lines from 1."""
    return missing_sources(context, [Source(path, i) for i, path in enumerate(paths, 1)])


def test_files_folders_links_and_patterns_are_found(tmp_path: Path) -> None:
    """With or without a leading slash, as COPY takes them."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/.hidden").touch()
    (tmp_path / "link").symlink_to("nowhere")
    assert missing(tmp_path, ".", "/", "a", "/a/.hidden", "a/*", "a/.h?dden", "link") == []


def test_a_missing_file_is_named_with_line_and_nearest_name(tmp_path: Path) -> None:
    """The person sees what to write instead."""
    (tmp_path / "imports").mkdir()
    (tmp_path / "imports/setup.sh").touch()
    [sentence] = missing(tmp_path, "imports/setpu.sh")
    assert sentence == (
        f"line 1: COPY imports/setpu.sh: there is no such file in {tmp_path}."
        " Did you mean 'imports/setup.sh'?"
    )
    assert len(missing(tmp_path, "*.txt", "no/such/folder/x")) == 2


def test_a_file_that_dockerignore_leaves_out_is_named(tmp_path: Path) -> None:
    """BuildKit would only say that it is not there."""
    (tmp_path / ".dockerignore").write_text("*.key\n!ok.key\n# note\n")
    for name in ("a.key", "ok.key"):
        (tmp_path / name).touch()
    assert missing(tmp_path, "ok.key") == []
    assert missing(tmp_path, "a.key") == ["line 1: COPY a.key: .dockerignore leaves it out."]


def hashes(context: Path, *paths: str) -> dict[str, str]:
    """The hashes of everything that these sources cover."""
    return contents(context, [Source(path, 1) for path in paths])


def test_only_what_is_referred_to_is_looked_at(tmp_path: Path) -> None:
    """Folders with all that is in them, also what is empty; patterns at their level only."""
    for name in ("a/b", "a/empty", "other"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("a/1.txt", "a/b/2.txt", "other/3.txt", "4.txt"):
        (tmp_path / name).write_text(name)
    assert set(hashes(tmp_path, "a")) == {"a/", "a/b/", "a/empty/", "a/1.txt", "a/b/2.txt"}
    assert set(hashes(tmp_path, "*.txt", "/a/b/2.txt")) == {"4.txt", "a/b/2.txt"}
    assert set(hashes(tmp_path, ".")) == {
        "4.txt", "a/", "a/1.txt", "a/b/", "a/b/2.txt", "a/empty/", "other/", "other/3.txt",
    }  # fmt: skip
    assert set(hashes(tmp_path, "../a/b/2.txt")) == {"a/b/2.txt"}


def test_content_mode_and_link_count_and_times_do_not(tmp_path: Path) -> None:
    """As BuildKit looks for changes."""
    file, link = tmp_path / "f", tmp_path / "l"
    file.write_text("1")
    link.symlink_to("f")
    before = hashes(tmp_path, "f", "l")
    os.utime(file, (1, 1))
    assert hashes(tmp_path, "f", "l") == before
    file.chmod(0o755)
    changed = hashes(tmp_path, "f", "l")
    assert changed["f"] != before["f"]
    assert changed["l"] == before["l"]
    file.write_text("2")
    assert hashes(tmp_path, "f")["f"] != changed["f"]
    link.unlink()
    link.symlink_to("./f")
    assert hashes(tmp_path, "l")["l"] != before["l"]


def test_links_are_followed_within_the_context(tmp_path: Path) -> None:
    """The context is the root of what they say; a link in a circle ends somewhere."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_text("1")
    (tmp_path / "by-root").symlink_to("/real")
    (tmp_path / "circle").symlink_to("circle")
    assert set(hashes(tmp_path, "by-root/file")) == {"by-root", "real/file"}
    assert set(hashes(tmp_path, "circle")) == {"circle"}


def test_what_dockerignore_leaves_out_does_not_count(tmp_path: Path) -> None:
    """Rules are anchored at the root, `**` is any depth, and a later `!` takes back."""
    for name in ("keep", "skip/deep"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("x.log", "keep/x.log", "keep/y.pyc", "skip/a", "skip/deep/b"):
        (tmp_path / name).touch()
    (tmp_path / ".dockerignore").write_text("x.log\n**/*.pyc\nskip\n!skip/deep/b\n.dockerignore\n")
    assert set(hashes(tmp_path, ".")) == {"keep/", "keep/x.log", "skip/deep/b"}
    assert missing(tmp_path, "keep", "skip") == []
    (tmp_path / ".dockerignore").write_text("skip\n")
    assert missing(tmp_path, "skip") == ["line 1: COPY skip: .dockerignore leaves it out."]


def test_rules_that_docker_would_not_read_are_refused(tmp_path: Path) -> None:
    """With the file, so that the person knows where to look."""
    (tmp_path / ".dockerignore").write_text("[\n")
    with pytest.raises(SettingsError, match=r"\.dockerignore cannot be used"):
        hashes(tmp_path, ".")


def test_a_file_that_cannot_be_read_is_named() -> None:
    """Before anything is built; not even root may read this one from its start."""
    with pytest.raises(SettingsError, match=r"/proc/self/mem cannot be read: Input/output error"):
        hashes(Path("/proc/self"), "mem")


def test_many_files_are_folded_into_their_folders() -> None:
    """So that a label can hold them; every change still shows."""
    many = {f"d{i}/e{j}/f{k}": f"{i}{j}{k}" for i in range(9) for j in range(9) for k in range(9)}
    few = folded(many, most=20)
    assert set(few) == {f"d{i}/" for i in range(9)}
    changed = folded({**many, "d3/e3/f3": "x"}, most=20)
    assert [name for name in few if few[name] != changed[name]] == ["d3/"]
    assert folded(many, most=1000) == many
    assert len(folded({f"f{i}": "x" for i in range(30)}, most=20)) == 1


def test_a_file_that_was_not_touched_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time of change tells, which nobody can set; one that is too new is not trusted."""
    file, known = tmp_path / "f", Kept(None)
    file.write_text("1")
    sources = [Source("f", 1)]
    first = contents(tmp_path, sources, known)
    assert known.used == {}
    monkeypatch.setattr(context, "SETTLED", -1)
    assert contents(tmp_path, sources, known) == first
    [key] = known.used
    known.used[key] = "remembered"
    assert contents(tmp_path, sources, known) == {"f": "remembered"}
    status = file.stat()
    file.write_text("2")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    changed = contents(tmp_path, sources, known)
    assert changed["f"] not in (first["f"], "remembered")
    file.chmod(0o700)
    assert contents(tmp_path, sources, known) != changed
