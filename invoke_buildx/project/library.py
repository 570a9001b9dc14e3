"""The files that templates are made of: the project's first, the packaged library's second."""

import os
from collections.abc import Iterable
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from invoke_buildx.errors import TemplateError

SUFFIX = ".j2"
MACROS = "macros"
SEARCHED = ("templates", "dockerfiles", "imports")


class Library:
    """Files by their path below any of the searched folders of the roots, the first one winning."""

    def __init__(self, roots: Iterable[Path]) -> None:
        folders = (root / name for root in roots for name in SEARCHED)
        self.folders = [str(folder) for folder in folders if folder.is_dir()]
        self._real = {folder: os.path.realpath(folder) for folder in self.folders}
        self._hashes: dict[str, str] = {}

    def find(self, name: str) -> str | None:
        """The path of that file, None if there is none or it lies outside its folder."""
        for folder in self.folders:
            path = os.path.normpath(f"{folder}/{name}")
            if os.path.isfile(path):  # noqa: PTH113 - a thousand images: Path takes longer
                inside = os.path.realpath(path).startswith(f"{self._real[folder]}/")
                return path if inside else None
        return None

    def text(self, path: str) -> str:
        """The text of a file that was found. Raises `TemplateError`."""
        try:
            return Path(path).read_bytes().decode()
        except UnicodeDecodeError as problem:
            raise TemplateError(f"{path}: is not UTF-8 text ({problem.reason}).") from None

    def is_verbatim(self, path: str) -> bool:
        """Whether a file is a helper script, which is included as it is."""
        return not path.endswith(SUFFIX) and any(
            path.startswith(f"{folder}/") for folder in self.folders if folder.endswith("/imports")
        )

    def hash(self, name: str) -> str:
        """What changes when another text is found by that name; "" where there is none."""
        if name not in self._hashes:
            path = self.find(name)
            content = Path(path).read_bytes() + path.encode() if path else b""
            self._hashes[name] = sha256(content).hexdigest() if path else ""
        return self._hashes[name]

    @cached_property
    def macro_files(self) -> list[str]:
        """The names of all macro files."""
        found = {
            f"{MACROS}/{path.name}"
            for folder in self.folders
            for path in Path(folder, MACROS).glob(f"*{SUFFIX}")
        }
        return sorted(found)

    def names(self) -> list[str]:
        """Every file, to tell the nearest name."""
        found = {
            path.relative_to(folder).as_posix()
            for folder in self.folders
            for path in Path(folder).rglob("*")
            if path.is_file()
        }
        return sorted(found)
