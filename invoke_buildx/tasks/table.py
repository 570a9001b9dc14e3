"""Aligned columns for people; colour only on a terminal and never with NO_COLOR."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

STATE_COLOURS = {
    "ok": 32,
    "current": 32,
    "running": 32,
    "note": 33,
    "stale": 33,
    "absent": 33,
    "bad": 31,
    "unreachable": 31,
}


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, colour: bool | None = None
) -> str:
    """Rows below their heads, or one line that says there are none."""
    lines = [list(row) for row in rows]
    if not lines:
        return "(none)"
    widths = [max(len(line[i]) for line in [heads, *lines]) for i in range(len(heads))]
    colour = wants_colour(os.environ) if colour is None else colour
    shown = [[head.ljust(width) for head, width in zip(heads, widths, strict=True)]]
    for line in lines:
        cells = zip(line, widths, strict=True)
        shown.append([painted(cell, cell.ljust(width), colour) for cell, width in cells])
    return "\n".join("  ".join(cells).rstrip() for cells in shown)


def show(
    heads: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    as_json: bool,
    **shown: Callable[[Any], str],
) -> None:
    """Print rows as JSON, or below their heads, a value by the function of its name."""
    if as_json:
        from json import dumps

        print(dumps(rows, indent=2))
        return
    lines = [[shown.get(key, str)(value) for key, value in row.items()] for row in rows]
    print(table(heads, lines))


def size_text(size: int) -> str:
    """Bytes in the unit that docker would choose: 18.4 MB."""
    number, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while number >= 1000 and len(units) > 1:
        number /= 1000
        units.pop(0)
    whole = number >= 100 or units[0] == "B"
    return f"{number:.0f} {units[0]}" if whole else f"{number:.1f} {units[0]}"


def wants_colour(environ: Mapping[str, str]) -> bool:
    """Whether standard output is a terminal that wants colour (https://no-color.org)."""
    return sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def painted(cell: str, padded: str, colour: bool) -> str:
    """The padded cell in the colour of the state that it names, if it names one."""
    code = STATE_COLOURS.get(cell)
    return f"\033[{code}m{padded}\033[0m" if colour and code else padded
