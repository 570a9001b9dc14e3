"""The task that checks the set-up, and mends it when asked to."""

import os
from typing import TYPE_CHECKING

from invoke.context import Context

from invoke_buildx.tasks.door import front_door, machine_of, project_of

if TYPE_CHECKING:
    from invoke_buildx.doctor import Finding


@front_door(help={"fix": "install, start, pull or make what is missing", "json": "for programs"})
def doctor(c: Context, fix: bool = False, json: bool = False) -> None:
    """Check that this machine can build; --fix mends it"""
    from invoke_buildx.doctor import Doctor
    from invoke_buildx.errors import EngineError, command_line

    found = []
    for finding in Doctor(project_of(c), machine_of(c)).examine(fix):
        found.append(finding)
        if not json:
            print(_line(finding), flush=True)
    if json:
        from json import dumps

        print(dumps([finding.as_json() for finding in found], indent=2))
    bad = [finding for finding in found if finding.state == "bad"]
    if bad:
        names = ", ".join(finding.name for finding in bad)
        raise EngineError(f"Not ready: {names}. Next: {bad[0].fix or command_line('doctor')}")


def _line(finding: "Finding") -> str:
    """`ok    engine          version 26.1.5`, with the fix below what is bad."""
    from invoke_buildx.tasks.table import painted, wants_colour

    state = painted(finding.state, f"{finding.state:<4}", wants_colour(os.environ))
    line = f"{state}  {finding.name:<14}  {finding.found}"
    return f"{line}\n      -> {finding.fix}" if finding.state == "bad" and finding.fix else line
