"""Files that a Dockerfile refers to, and those that are not there."""

from pathlib import Path

from invoke_buildx.project.context import missing_sources
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
