"""BuildKit's progress as buildx writes it with `rawjson`: which image does what, and how it ends.

The form: moby/buildkit client/graph.go, SolveStatus, one JSON object a line.
"""

import base64
import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

# `[target 2/3] RUN x`, `[target internal] load …`, `[target] exporting to image`.
_NAME = re.compile(r"\[(?P<target>[^\]\s]+)(?: (?P<where>[^\]]+))?\] (?P<text>.*)", re.DOTALL)
# `[internal] x`, `[target internal] x` and the like are of no interest unless they fail.
_HOUSEKEEPING = re.compile(r"\[(?:internal|[^\]\s]+ (?:internal|auth))\]|.*resolving provenance")
# bake tries a definition from standard input as a compose file before it reads it as what it is.
_SPURIOUS = re.compile(r'.*The \\?"\w+\\?" variable is not set\. Defaulting to a blank string')
_FRACTION = re.compile(r"\.\d+")


@dataclass(frozen=True)
class Event:
    """Something that a person may want to see.

    `kind` is started, cached, done, failed, output, or other for text that is no progress.
    `step` is the instruction concerned, `text` what to show of it; `seconds` is how long it
    took, `target` None where no image is concerned.
    """

    kind: Literal["started", "cached", "done", "failed", "output", "other"]
    target: str | None
    step: str
    text: str
    seconds: float = 0.0


class Progress:
    """Turns lines into events; each vertex of the build graph starts and ends once."""

    def __init__(self, targets: Collection[str], show: Callable[[Event], None]) -> None:
        self.targets = targets
        self.show = show
        self.names: dict[str, tuple[str, str]] = {}
        self.started: set[str] = set()
        self.ended: set[str] = set()

    def feed(self, line: str) -> None:
        """Take one line of buildx's standard error."""
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            if not _SPURIOUS.match(line):
                self.show(Event("other", None, "", line))
            return
        for vertex in found.get("vertexes") or ():
            self._vertex(vertex)
        for log in found.get("logs") or ():
            self._log(log)

    def _vertex(self, vertex: dict[str, Any]) -> None:
        digest, name = vertex["digest"], _NAME.match(vertex.get("name", ""))
        error = vertex.get("error", "")
        if name is None or (_HOUSEKEEPING.match(name[0]) and not error):
            return
        target = name["target"]
        if target not in self.targets and len(self.targets) == 1:
            [target] = self.targets  # buildx names the target only where there are several
        target, text = self.names.setdefault(digest, (target, name["text"]))
        if vertex.get("started") and digest not in self.started:
            self.started.add(digest)
            if not vertex.get("cached"):
                self.show(Event("started", target, text, text))
        if vertex.get("completed") and digest not in self.ended:
            self.ended.add(digest)
            self._end(vertex, target, text, error)

    def _end(self, vertex: dict[str, Any], target: str, text: str, error: str) -> None:
        seconds = _seconds(vertex)
        if error and "context canceled" not in error:
            self.show(Event("failed", target, text, error, seconds))
        elif vertex.get("cached"):
            self.show(Event("cached", target, text, text))
        elif not error:
            self.show(Event("done", target, text, text, seconds))

    def _log(self, log: dict[str, Any]) -> None:
        target, step = self.names.get(log["vertex"], (None, ""))
        text = base64.b64decode(log.get("data") or "").decode(errors="replace")
        for line in text.splitlines():
            self.show(Event("output", target, step, line))


def _seconds(vertex: dict[str, Any]) -> float:
    began, ended = vertex.get("started"), vertex.get("completed")
    if not began or not ended:
        return 0.0
    return (_time(ended) - _time(began)).total_seconds()


def _time(text: str) -> datetime:
    # datetime knows microseconds, BuildKit writes nanoseconds.
    return datetime.fromisoformat(_FRACTION.sub(lambda found: found[0][:7], text))
