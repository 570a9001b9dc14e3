"""What a person sees while several images are built."""

from io import StringIO

import pytest

from invoke_buildx.display import LiveDisplay, PlainDisplay
from invoke_buildx.engine.progress import Event


def event(kind: str, text: str, step: str = "", seconds: float = 0.0) -> Event:
    """Something that happens to a target; the display goes by its label."""
    return Event(kind, "t", step or text, text, seconds)  # type: ignore[arg-type]


def test_every_plain_line_names_its_image() -> None:
    """Short steps need no end, long ones say how long they took."""
    stream = StringIO()
    display = PlainDisplay(["long-name:1", "b:1"], stream)
    display.show(event("started", "FROM x"), "b:1")
    display.show(event("started", "RUN  a \\\n b"), "b:1")
    display.show(event("output", "  indented"), "b:1")
    display.show(event("done", "RUN a", seconds=0.4), "b:1")
    display.show(event("done", "RUN a", seconds=3.21), "b:1")
    display.show(event("cached", "RUN c"), "long-name:1")
    display.show(event("failed", "exit code: 1"), "long-name:1")
    display.show(event("other", "   2 | >>> x"), None)
    display.close()
    assert stream.getvalue().splitlines() == [
        "b:1         | RUN a \\ b",
        "b:1         |     indented",
        "b:1         | RUN a (done in 3.2 s)",
        "long-name:1 | RUN c (cached)",
        "long-name:1 | FAILED: exit code: 1",
        "   2 | >>> x",
    ]


def test_the_live_list_ends_with_a_line_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """And with the output of what failed, cut to the terminal's width."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "10")
    stream = StringIO()
    display = LiveDisplay(["good:1", "bad:1", "late:1"], stream, now=lambda: 5.0)
    display.show(event("started", "RUN a"), "good:1")
    display.show(event("output", "fine"), "good:1")
    display.show(event("done", "exporting to image"), "good:1")
    display.show(event("started", "RUN b"), "bad:1")
    display.show(event("output", "what went wrong"), "bad:1")
    display.show(event("failed", "a sentence that is far too long for this terminal"), "bad:1")
    display.show(event("other", "ERROR: bad"), None)
    display.close()
    last = stream.getvalue().split("\033[J")
    drawn = [line.removeprefix("\033[K") for line in last[-2].splitlines()]
    assert [line for line in drawn if not line.startswith("\033[")][-2:] == [
        "good:1  done in 0 s",
        "bad:1   FAILED after 0 s: a sentence t…",
    ]
    assert last[-1].splitlines() == ["bad:1 | what went wrong", "ERROR: bad"]
