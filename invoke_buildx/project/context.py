"""The build context: which of its files a Dockerfile reads, and whether they are there."""

import glob
from collections.abc import Iterable
from pathlib import Path

from e2b_dockerfile_utils import PatternMatcher

from invoke_buildx.errors import nearest
from invoke_buildx.project.dockerfile import Source

IGNORE_FILE = ".dockerignore"


def missing_sources(context: Path, sources: Iterable[Source]) -> list[str]:
    """One sentence for each source that BuildKit would not find, with its line."""
    ignored = ignore_rules(context)
    problems = []
    for source in sources:
        problem = _problem(context, source.path, ignored)
        if problem:
            problems.append(f"line {source.line}: {source.instruction} {source.path}: {problem}")
    return problems


def ignore_rules(context: Path) -> PatternMatcher:
    """The rules of the context's .dockerignore; none where there is no such file."""
    try:
        text = (context / IGNORE_FILE).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        text = ""
    return PatternMatcher(text.splitlines())


def _problem(context: Path, path: str, ignored: PatternMatcher) -> str | None:
    relative = path.lstrip("/")
    found = _matches(context, relative)
    if not found:
        names = [entry.relative_to(context).as_posix() for entry in _neighbours(context, relative)]
        return f"there is no such file in {context}.{nearest(relative, names)}"
    if all(not entry.is_dir() and _is_ignored(entry, context, ignored) for entry in found):
        return f"{IGNORE_FILE} leaves it out."
    return None


def _matches(context: Path, relative: str) -> list[Path]:
    if not any(mark in relative for mark in "*?["):
        path = context / relative
        return [path] if path.exists() or path.is_symlink() else []
    # `**` is only `*` in COPY, as in Go's filepath.Match.
    pattern = relative.replace("**", "*")
    # Path.glob would know `**`; this is Go's idea of a pattern.
    names = glob.glob(pattern, root_dir=context, include_hidden=True)  # noqa: PTH207
    return [context / name for name in names]


def _neighbours(context: Path, relative: str) -> list[Path]:
    folder = (context / relative).parent
    return list(folder.iterdir()) if folder.is_dir() else list(context.iterdir())


def _is_ignored(entry: Path, context: Path, ignored: PatternMatcher) -> bool:
    return bool(ignored.matches(entry.relative_to(context).as_posix()))
