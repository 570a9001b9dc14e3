"""Texts that earlier runs rendered: Jinja takes 40 ms to import, and more to compile.

A text is taken only if every file that went into it, and every name that was asked for, would
be the same again.
"""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke_buildx.project.kept import Kept, key_of
from invoke_buildx.project.library import Library

if TYPE_CHECKING:
    from invoke_buildx.project.template import Templates

_MAKERS = ("template", "library", "reference")


class Renderings:
    """Renders templates of a library, or finds what an earlier run has rendered.

    `ref` is what templates call to name another image.
    """

    def __init__(self, library: Library, kept: Kept, ref: Callable[[str], str]) -> None:
        self.library, self.kept, self.ref = library, kept, ref

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """The text of the template at that path. Raises `TemplateError` with file and line."""
        key = key_of(_MAKERS, [name, self.library.folders, self.library.macro_files, values])
        entry = self.kept.get(key)
        if entry is None or not self._holds(entry):
            text = self.templates.render(name, values)
            asked = sorted({*self.templates.asked, *self.library.macro_files})
            files = {asked_for: self.library.hash(asked_for) for asked_for in asked}
            entry = {"text": text, "files": files, "refs": dict(self.templates.refs)}
        self.kept.put(key, entry)
        return str(entry["text"])

    def render_text(self, text: str, origin: str, values: Mapping[str, Any]) -> str:
        """A short template from the settings. Raises `TemplateError` that names `origin`."""
        key = key_of(_MAKERS, [text, values])
        entry = self.kept.get(key) or {"text": self.templates.render_text(text, origin, values)}
        self.kept.put(key, entry)
        return str(entry["text"])

    @cached_property
    def templates(self) -> "Templates":
        """Jinja, imported when something must be rendered anew."""
        from invoke_buildx.project.template import Templates

        return Templates(self.library, self.ref, self._compiled())

    def _compiled(self) -> Path | None:
        """The folder for compiled templates, None where nothing may be kept."""
        if self.kept.path is None:
            return None
        folder = self.kept.path.parent.parent / "templates"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        return folder if os.access(folder, os.W_OK) else None

    def _holds(self, entry: Mapping[str, Any]) -> bool:
        files = all(self.library.hash(name) == was for name, was in entry["files"].items())
        return files and all(self.ref(name) == was for name, was in entry["refs"].items())
