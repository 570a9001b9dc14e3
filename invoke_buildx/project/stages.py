"""The stages of one Dockerfile: which of them refer to which, and which a build needs.

Rules: BuildKit v0.25, frontend/dockerfile/dockerfile2llb/convert.go.
"""

import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from invoke_buildx.errors import TemplateError, nearest
from invoke_buildx.project.references import Source

# What fits into Go's int; a longer number names an image.
_INDEX = re.compile(r"[-+]?\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class Need:
    """What a COPY --from (an index or a name) or a RUN mount (a name only) takes files from."""

    name: str
    line: int
    may_be_index: bool


@dataclass(eq=False)
class Stage:
    """One FROM and what follows; `values` are the ARGs and ENVs in force at its end."""

    name: str
    base: str
    line: int
    parent: "Stage | None"
    values: dict[str, str]
    needs: list[Need] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    declared: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)
    onbuild: list[str] = field(default_factory=list)
    problem: TemplateError | None = None


class StageError(Exception):
    """The stages do not fit together; `line` is where."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Stages:
    """The stages in their order, also by name; a later stage hides an earlier one of its name."""

    def __init__(self) -> None:
        self.all: list[Stage] = []
        self.names: dict[str, Stage] = {}

    def add(self, stage: Stage) -> None:
        """Append a stage."""
        self.all.append(stage)
        if stage.name:
            self.names[stage.name] = stage

    def of(self, need: Need) -> Stage | None:
        """The stage that a need names, None if it names another image. Raises `StageError`."""
        if need.may_be_index and _INDEX.fullmatch(need.name):
            if not 0 <= int(need.name) < len(self.all):
                raise StageError(need.line, f"there is no stage with the index {need.name}")
            return self.all[int(need.name)]
        return self.names.get(need.name.lower())

    def target(self, name: str | None) -> Stage:
        """The stage of that name, the last one if None. Raises `StageError`."""
        found = self.all[-1] if name is None else self.names.get(name.lower())
        if found is None:
            hint = nearest(str(name), self.names)
            raise StageError(1, f"no stage is called '{name}'.{hint}")
        return found

    def needed(self, last: Stage) -> list[Stage]:
        """That stage and all that must be built before it, in their order."""
        needed: list[Stage] = []
        waiting = [last]
        while waiting:
            stage = waiting.pop()
            if stage not in needed:
                needed.append(stage)
                waiting += self._before(stage)
        return sorted(needed, key=self.all.index)

    def refuse_circles(self) -> None:
        """Raise `StageError` if a stage needs itself."""
        sorter = TopologicalSorter({stage: self._before(stage) for stage in self.all})
        try:
            sorter.prepare()
        except CycleError as problem:
            line = max(stage.line for stage in problem.args[1])
            message = "this stage needs itself, directly or through others"
            raise StageError(line, message) from None

    def _before(self, stage: Stage) -> list[Stage]:
        found = [self.of(need) for need in stage.needs]
        return [other for other in (stage.parent, *found) if other]
