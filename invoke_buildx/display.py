"""What a person sees while several images are built at once: a live list, or plain lines."""

import shutil
import sys
import time
from collections.abc import Iterable
from typing import Protocol, TextIO

from invoke_buildx.engine.progress import Event

LONG = 1.0  # seconds; the end of a shorter step needs no line of its own
MOST_OUTPUT = 20  # lines of a failed step's output that are shown with the live list


class Display(Protocol):
    """Shows events of one or several calls as they come."""

    def show(self, event: Event, label: str | None) -> None:
        """Show what happens to an image, None for what concerns no image."""

    def close(self) -> None:
        """Leave the terminal as it must be for others."""


class PlainDisplay:
    """Every line belongs to one image, which it names; for pipes and log files."""

    def __init__(self, labels: Iterable[str], stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.width = max(map(len, labels), default=0)

    def show(self, event: Event, label: str | None) -> None:
        """Write what happens as one line."""
        if event.kind == "started" and event.step.startswith("FROM "):
            return  # it is a matter of milliseconds, or is shown when it is done
        if event.kind == "done" and event.seconds < LONG:
            return
        shown = {
            "cached": f"{event.text} (cached)",
            "done": f"{event.text} (done in {event.seconds:.1f} s)",
            "failed": f"FAILED: {event.text}",
        }.get(event.kind, event.text)
        head = f"{label or '':<{self.width}} | " if label else ""
        mark = "  " if event.kind == "output" else ""
        text = shown if event.kind in ("other", "output") else _one_line(shown)
        print(f"{head}{mark}{text}", file=self.stream, flush=True)

    def close(self) -> None:
        """Nothing to tidy up."""


class LiveDisplay:
    """One line an image that is drawn anew: what runs, what waits, how long it has taken."""

    def __init__(self, labels: Iterable[str], stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.rows = dict.fromkeys(labels, "waits")
        self.began: dict[str, float] = {}
        self.output: dict[str, list[str]] = {}
        self.width = max(map(len, self.rows), default=0)
        self.drawn = 0
        self.last = 0.0

    def show(self, event: Event, label: str | None) -> None:
        """Take note of what happens, and draw, at most ten times a second."""
        if label in self.rows and label is not None:
            self._note(event, label)
        elif event.kind == "other" and event.text.strip():
            self.output.setdefault("", []).append(event.text)
        now = time.monotonic()
        if now - self.last > 0.1:
            self.last = now
            self._draw()

    def close(self) -> None:
        """Leave the last state on the screen, with the output of what failed."""
        self._draw()
        for label, lines in self.output.items():
            if not label or self.rows.get(label, "").startswith("FAILED"):
                for line in lines[-MOST_OUTPUT:]:
                    print(f"{label} | {line}" if label else line, file=self.stream)
        self.stream.flush()

    def _note(self, event: Event, label: str) -> None:
        self.began.setdefault(label, time.monotonic())
        took = f"{time.monotonic() - self.began[label]:.1f} s"
        if event.kind == "output":
            self.output.setdefault(label, []).append(event.text)
        elif event.kind == "failed":
            self.rows[label] = f"FAILED after {took}: {event.text}"
        elif event.kind == "started":
            self.rows[label] = event.text
        elif event.text.startswith("exporting"):
            self.rows[label] = f"done in {took}"

    def _draw(self) -> None:
        size = shutil.get_terminal_size()
        busy = [row for row in self.rows.items() if row[1] != "waits"]
        waiting = len(self.rows) - len(busy)
        lines = [f"{label:<{self.width}}  {_one_line(text)}" for label, text in busy]
        lines = lines[-(size.lines - 2) :]
        if waiting:
            lines.append(f"{waiting} more {'waits' if waiting == 1 else 'wait'}")
        up = f"\033[{self.drawn}F" if self.drawn else ""
        text = "".join(f"\033[K{line[: size.columns - 1]}\n" for line in lines)
        self.stream.write(f"{up}{text}\033[J")
        self.stream.flush()
        self.drawn = len(lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())
