"""The build context: which of its files a Dockerfile reads, whether they are there, their hashes.

Rules: Docker's .dockerignore (github.com/moby/patternmatcher), and what BuildKit counts when
it looks for a change (cache/contenthash): bytes, permissions, links, empty folders, no times.
"""

import glob
import hashlib
import os
import posixpath
import stat
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from e2b_dockerfile_utils import PatternMatcher

from invoke_buildx.errors import SettingsError, nearest
from invoke_buildx.project.kept import Kept
from invoke_buildx.project.references import Source

IGNORE_FILE = ".dockerignore"
HASH_LETTERS = 16
MOST_LINKS = 40
CAPABILITIES = "security.capability"
SETTLED = 2_000_000_000  # nanoseconds; longer than the tick of any file system's clock


def missing_sources(context: Path, sources: Iterable[Source]) -> list[str]:
    """One sentence for each source that BuildKit would not find, with its line."""
    ignored = ignore_rules(context)
    problems = []
    for source in sources:
        problem = _problem(context, source.path, ignored)
        if problem:
            problems.append(f"line {source.line}: {source.instruction} {source.path}: {problem}")
    return problems


def contents(context: Path, sources: Iterable[Source], known: Kept | None = None) -> dict[str, str]:
    """A short hash of every file, link and folder that the sources cover, by its path.

    Only those are looked at, and a file that is `known` from an earlier run and was not touched
    since is not read. Raises `SettingsError` for a file that cannot be read.
    """
    ignored = ignore_rules(context)
    known = known or Kept(None)
    found: dict[str, str] = {}
    for path in dict.fromkeys(source.path for source in sources):
        for match in _matches(context, path):
            *links, last = _followed(context, match.relative_to(context).as_posix())
            for link in links:
                found[link] = _hash_link(context / link)
            for relative, entry in _below(context, last, ignored):
                found[relative] = _hash(entry, known)
    return found


def folded(hashes: Mapping[str, str], most: int = 200) -> dict[str, str]:
    """The same in at most so many entries: the deepest folders stand for what is in them."""
    entries = dict(hashes)
    while len(entries) > most:
        deepest = max(path.rstrip("/").count("/") for path in entries)
        groups: dict[str, list[str]] = defaultdict(list)
        for path in entries:
            level = path.rstrip("/").count("/")
            whole = level == deepest
            groups[f"{posixpath.dirname(path.rstrip('/'))}/" if whole else path].append(path)
        entries = {
            name: entries[name] if paths == [name] else _hash_of(entries, paths)
            for name, paths in groups.items()
        }
        if deepest == 0:
            break
    return entries


def ignore_rules(context: Path) -> PatternMatcher:
    """The rules of the context's .dockerignore; none where there is no such file."""
    path = context / IGNORE_FILE
    try:
        return PatternMatcher(path.read_text(encoding="utf-8-sig").splitlines())
    except FileNotFoundError:
        return PatternMatcher([])
    except (ValueError, OSError) as problem:
        raise SettingsError(f"{path} cannot be used: {problem}") from None


def _problem(context: Path, path: str, ignored: PatternMatcher) -> str | None:
    found = _matches(context, path)
    if not found:
        relative = _inside(path)
        names = [entry.relative_to(context).as_posix() for entry in _neighbours(context, relative)]
        return f"there is no such file in {context}.{nearest(relative, names)}"
    if all(_is_left_out(entry, context, ignored) for entry in found):
        return f"{IGNORE_FILE} leaves it out."
    return None


def _inside(path: str) -> str:
    """The path relative to the context, which `..` never leaves."""
    return posixpath.normpath(f"/{path}").lstrip("/") or "."


def _matches(context: Path, path: str) -> list[Path]:
    relative = _inside(path)
    if not any(mark in relative for mark in "*?["):
        *links, last = _followed(context, relative)
        is_there = relative in links or os.path.lexists(context / last)
        return [context / relative] if is_there else []
    # `**` is only `*` in COPY, as in Go's filepath.Match.
    pattern = relative.replace("**", "*")
    # Path.glob would know `**`; this is Go's idea of a pattern.
    names = glob.glob(pattern, root_dir=context, include_hidden=True)  # noqa: PTH207
    return [context / name for name in sorted(names)]


def _neighbours(context: Path, relative: str) -> list[Path]:
    folder = (context / relative).parent
    return list(folder.iterdir()) if folder.is_dir() else list(context.iterdir())


def _is_left_out(entry: Path, context: Path, ignored: PatternMatcher) -> bool:
    """Whether nothing of a file or folder gets past the rules."""
    path = entry.relative_to(context).as_posix()
    if path == "." or not ignored.matches(path):
        return False
    return not (entry.is_dir() and ignored.may_match_under(path))


def _followed(context: Path, relative: str) -> list[str]:
    """The links on the way to a path, and what it leads to; the context is the links' root."""
    way: list[str] = []
    parts, at = relative.split("/"), "."
    while parts:
        step = posixpath.normpath(posixpath.join(at, parts.pop(0)))
        target = context / step
        if target.is_symlink() and len(way) < MOST_LINKS:
            way.append(step)
            leads = posixpath.join(f"/{posixpath.dirname(step)}", str(target.readlink()))
            parts = [*_inside(leads).split("/"), *parts]
            at = "."
        else:
            at = step
    return [*way, at]


def _below(
    context: Path, relative: str, ignored: PatternMatcher
) -> Iterator[tuple[str, Path | os.DirEntry[str]]]:
    """The entry at that path and, if it is a folder, all below that the rules let through."""
    entry = context / relative
    if not os.path.lexists(entry):
        return
    if relative != ".":
        yield (f"{relative}/" if _is_folder(entry) else relative), entry
    if _is_folder(entry):
        yield from _in_folder(entry, "" if relative == "." else f"{relative}/", ignored)


def _in_folder(
    folder: Path | os.DirEntry[str], prefix: str, ignored: PatternMatcher
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as problem:
        raise SettingsError(f"{folder} cannot be read: {problem.strerror}") from None
    some = bool(ignored.patterns)
    for entry in entries:
        path, is_folder = prefix + entry.name, entry.is_dir(follow_symlinks=False)
        left_out = some and ignored.matches(path)
        if not left_out:
            yield (f"{path}/" if is_folder else path), entry
        if is_folder and (not left_out or ignored.may_match_under(path)):
            yield from _in_folder(entry, f"{path}/", ignored)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _hash(entry: Path | os.DirEntry[str], known: Kept) -> str:
    try:
        status = os.lstat(entry)
        if stat.S_ISLNK(status.st_mode):
            return _hash_link(entry)
        found = hashlib.sha256(f"{status.st_mode:o}".encode())
        if stat.S_ISREG(status.st_mode):
            return _hash_file(entry, status, found, known)
    except OSError as problem:
        raise SettingsError(f"{os.fspath(entry)} cannot be read: {problem.strerror}") from None
    return found.hexdigest()[:HASH_LETTERS]


def _hash_file(
    entry: Path | os.DirEntry[str], status: os.stat_result, found: "hashlib._Hash", known: Kept
) -> str:
    """The hash of mode and content; the kernel's time of change tells whether it is the same."""
    key = f"{os.fspath(entry)} {status.st_ctime_ns} {status.st_size} {status.st_ino}"
    kept = known.get(key)
    if kept is None:
        _add_content(found, entry)
        kept = found.hexdigest()[:HASH_LETTERS]
    # What was changed just now may be changed again within the same tick of the clock.
    if time.time_ns() - status.st_ctime_ns > SETTLED:
        known.put(key, kept)
    return str(kept)


def _add_content(found: "hashlib._Hash", entry: Path | os.DirEntry[str]) -> None:
    try:
        found.update(os.getxattr(entry, CAPABILITIES))
    except OSError:
        found.update(b"\n")  # as good as every file: none
    with open(entry, "rb", buffering=0) as file:  # noqa: PTH123 - half the time of Path.open
        while block := file.read(1 << 20):
            found.update(block)


def _hash_link(link: Path | os.DirEntry[str]) -> str:
    target = os.readlink(link)  # noqa: PTH115 - a DirEntry has no method for it
    return hashlib.sha256(f"-> {target}".encode(errors="surrogateescape")).hexdigest()[
        :HASH_LETTERS
    ]


def _hash_of(entries: Mapping[str, str], paths: Iterable[str]) -> str:
    lines = "\n".join(f"{entries[path]} {path}" for path in sorted(paths))
    digest = hashlib.sha256(lines.encode(errors="surrogateescape"))
    return digest.hexdigest()[:HASH_LETTERS]
