"""Invoke tasks that turn a Jinja template into a running shell as yourself."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoke.collection import Collection

__all__ = ["__version__", "collection"]
__version__ = "0.1.0"


def collection(root: str | Path | None = None) -> "Collection":
    """Return every task, ready to be the namespace of a project's tasks.py.

    `root` is the project folder, which holds dockerfiles/; left out, it is the folder of the
    file that calls this.
    """
    from invoke_buildx.tasks import namespace

    if root is None:
        # The caller is a tasks.py, and Invoke tells a collection nothing of its own folder.
        root = Path(sys._getframe(1).f_globals["__file__"]).parent  # noqa: SLF001
    return namespace(Path(root).resolve())
