"""Results of earlier runs that can be made again, in one file of this user's."""

import hashlib
import json
import os
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from invoke_buildx import __version__

MOST = 8000  # results that are kept


class Kept:
    """Results by the hash of everything that they depend on; forgotten at once without `path`."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.used: dict[str, Any] = {}
        self.is_changed = False

    @cached_property
    def found(self) -> dict[str, Any]:
        """The results of earlier runs, read when they are first asked for."""
        try:
            found = json.loads(self.path.read_bytes()) if self.path else {}
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def get(self, key: str) -> Any:
        """The result of that key, None if there is none."""
        return self.used.get(key) or self.found.get(key)

    def put(self, key: str, result: Any) -> None:
        """Keep a result; one that was found is kept the longer for it."""
        self.is_changed = self.is_changed or self.found.get(key) != result
        self.used[key] = result

    def save(self) -> None:
        """Write what was used, and as many others as there is room for."""
        if self.path is None or not self.is_changed:
            return
        # A folder that may not be written to costs time only.
        with suppress(OSError):
            self._write(self.path)
        self.is_changed = False

    def _write(self, path: Path) -> None:
        others = [key for key in self.found if key not in self.used]
        room = max(0, MOST - len(self.used))
        kept = {key: self.found[key] for key in others[-room:]} if room else {}
        path.parent.mkdir(parents=True, exist_ok=True)
        # Another run may read it at any time, so it is replaced as a whole.
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({**kept, **self.used}, separators=(",", ":")))
        fresh.replace(path)


def key_of(makers: tuple[str, ...], facts: Any) -> str:
    """The key of a result: what it was made from, and the modules that made it, as they are."""
    return hashlib.sha256(f"{_versions(makers)} {facts!r}".encode()).hexdigest()


@cache
def _versions(makers: tuple[str, ...]) -> str:
    folder = Path(__file__).parent
    times = [(folder / f"{name}.py").stat().st_mtime_ns for name in makers]
    return f"{__version__} {times}"
