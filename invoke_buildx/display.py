"""What a person sees while several images are built at once: a live list, or plain lines."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol, TextIO

from invoke_buildx.engine.progress import Event

LONG = 1.0  # seconds; the end of a shorter step needs no line of its own
TICK = 0.2  # seconds between two drawings
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
        # In one piece, since threads may speak at once.
        print(f"{head}{mark}{text}\n", end="", file=self.stream, flush=True)

    def close(self) -> None:
        """Nothing to tidy up."""


class LiveDisplay:
    """One line an image that is drawn anew: what runs, what waits, how long it has taken."""

    def __init__(
        self,
        labels: Iterable[str],
        stream: TextIO | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = now
        self.stream = stream or sys.stderr
        self.waiting = dict.fromkeys(labels)
        self.width = max(map(len, self.waiting), default=0)
        self.began: dict[str, float] = {}
        self.running: dict[str, str] = {}
        self.ended: dict[str, str] = {}
        self.output: dict[str, list[str]] = {}
        self.drawn = 0
        self.drawing = threading.Lock()
        self.closed = threading.Event()
        self.clock = threading.Thread(target=self._tick, daemon=True)
        self.clock.start()

    def show(self, event: Event, label: str | None) -> None:
        """Take note of what happens; it is drawn with the next tick."""
        with self.drawing:
            if label is None:
                self.output.setdefault("", []).extend([event.text] if event.text.strip() else [])
            elif label in self.waiting or label in self.began:
                self._note(event, label)

    def close(self) -> None:
        """Leave the last state on the screen, with the output of what failed."""
        self.closed.set()
        self.clock.join()
        self.waiting.clear()
        self._draw()
        for label, lines in self.output.items():
            if not label or self.ended.get(label, "").startswith("FAILED"):
                for line in lines[-MOST_OUTPUT:]:
                    print(f"{label} | {line}" if label else line, file=self.stream)
        self.stream.flush()

    def _note(self, event: Event, label: str) -> None:
        self.waiting.pop(label, None)
        self.began.setdefault(label, self.now())
        if event.kind == "output":
            self.output.setdefault(label, []).append(event.text)
        elif event.kind == "failed":
            self.ended[label] = f"FAILED after {self._took(label)}: {_one_line(event.text)}"
        elif event.kind == "started":
            self.running[label] = _one_line(event.text)
        elif event.kind == "done" and event.step.startswith("exporting"):
            self.ended[label] = f"done in {self._took(label)}"

    def _took(self, label: str) -> str:
        return f"{self.now() - self.began[label]:.0f} s"

    def _tick(self) -> None:
        while not self.closed.wait(TICK):
            with self.drawing:
                self._draw()

    def _draw(self) -> None:
        size = shutil.get_terminal_size()
        lines = [f"{label:<{self.width}}  {self._line(label)}" for label in self.began]
        lines = lines[-(size.lines - 2) :]
        if self.waiting:
            lines.append(f"{len(self.waiting)} more to come")
        up = f"\033[{self.drawn}F" if self.drawn else ""
        text = "".join(f"\033[K{_cut(line, size.columns - 1)}\n" for line in lines)
        self.stream.write(f"{up}{text}\033[J")
        self.stream.flush()
        self.drawn = len(lines)

    def _line(self, label: str) -> str:
        running = f"{self._took(label):>5}  {self.running.get(label, '')}"
        return self.ended.get(label) or running


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
