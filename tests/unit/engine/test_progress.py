"""BuildKit's progress for programs, as events about images."""

import base64
import json
from typing import Any

from invoke_buildx.engine.progress import Event, Progress

BEGAN, ENDED = "2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:02.623456789Z"


def events(targets: tuple[str, ...], *lines: dict[str, Any] | str) -> list[tuple[str, str | None]]:
    """Kind and target of each event, in order."""
    return [(event.kind, event.target) for event in full(targets, *lines)]


def full(targets: tuple[str, ...], *lines: dict[str, Any] | str) -> list[Event]:
    """Each event in order."""
    found: list[Event] = []
    progress = Progress(targets, found.append)
    for line in lines:
        progress.feed(line if isinstance(line, str) else json.dumps(line))
    return found


def vertex(name: str, digest: str = "d", **more: object) -> dict[str, Any]:
    """A line about one step."""
    return {"vertexes": [{"digest": digest, "name": name, **more}]}


def test_a_step_starts_writes_and_ends_once() -> None:
    """However often BuildKit repeats it, and whatever it is called later."""
    log = {"vertex": "d", "data": base64.b64encode(b"one\ntwo\n").decode()}
    found = full(
        ("a", "b"),
        vertex("[a 1/2] RUN x", started=BEGAN),
        vertex("[b 1/2] RUN x", started=BEGAN),
        {"logs": [log]},
        vertex("[a 1/2] RUN x", started=BEGAN, completed=ENDED),
        vertex("[a 1/2] RUN x", started=BEGAN, completed=ENDED),
    )
    assert [(event.kind, event.text) for event in found] == [
        ("started", "RUN x"),
        ("output", "one"),
        ("output", "two"),
        ("done", "RUN x"),
    ]
    assert {event.target for event in found} == {"a"}
    assert found[-1].seconds == 2.5


def test_what_is_cached_fails_or_is_cancelled() -> None:
    """A cancelled step is nobody's failure."""
    ended = {"started": BEGAN, "completed": ENDED}
    assert events(("a", "b"), vertex("[a 1/1] RUN x", cached=True, **ended)) == [("cached", "a")]
    failed = vertex("[b stage 2/3] RUN x", error="exit code: 1", **ended)
    assert events(("a", "b"), failed) == [("started", "b"), ("failed", "b")]
    cancelled = vertex("[b 1/1] RUN x", error="137: context canceled", **ended)
    assert events(("a", "b"), cancelled) == [("started", "b")]


def test_housekeeping_is_not_shown() -> None:
    """Unless it fails."""
    for name in ("[internal] load x", "[a internal] load y", "[a] resolving provenance for z"):
        assert events(("a", "b"), vertex(name, started=BEGAN, completed=ENDED)) == []
    failed = vertex("[a internal] load metadata for x", completed=ENDED, error="not found")
    assert events(("a", "b"), failed) == [("failed", "a")]


def test_a_single_target_is_not_named_by_buildx() -> None:
    """Its steps are its own all the same."""
    assert events(("only",), vertex("[2/3] RUN x", started=BEGAN)) == [("started", "only")]


def test_other_lines_are_passed_on_as_they_are() -> None:
    """The snippet of the Dockerfile and the last error are plain text."""
    spurious = 'WARNING: The "x" variable is not set. Defaulting to a blank string.'
    found = full(("a",), "   2 | >>> RUN false", "[1, 2]", {"statuses": []}, spurious)
    assert [(event.kind, event.text) for event in found] == [
        ("other", "   2 | >>> RUN false"),
        ("other", "[1, 2]"),
    ]
