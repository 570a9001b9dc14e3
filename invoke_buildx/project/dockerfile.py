"""What a rendered Dockerfile refers to: images, files of the context, declared build args.

Parsing is e2b-dockerfile-utils', a port of BuildKit's parser that agreed with BuildKit on
thousands of real files; substitution and stage rules are written here, after BuildKit's
frontend/dockerfile/dockerfile2llb/convert.go.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from e2b_dockerfile_utils import (
    DockerfileInstruction,
    DockerfileSyntaxError,
    ShellLex,
    parse_dockerfile_ast,
    parse_heredoc,
)

from invoke_buildx.errors import TemplateError, UsageError, nearest
from invoke_buildx.project.reference import parse_reference
from invoke_buildx.project.rules import refusal

SCRATCH = "scratch"
# ADD fetches these; BuildKit's frontend/dockerfile/dfgitutil tells git addresses likewise.
_REMOTE = re.compile(r"(?:https?|git|ssh)://|git@[\w.-]+:|github\.com/")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")


@dataclass(frozen=True)
class Source:
    """A path of the build context that an instruction reads, with its line in the text."""

    path: str
    line: int
    instruction: str = "COPY"


@dataclass(frozen=True)
class Dockerfile:
    """The references of one Dockerfile, as written after ARG substitution.

    `args` are the names that any ARG declares; `images` are references to other images, in
    the order of their first use, each with its line.
    """

    images: Mapping[str, int]
    sources: tuple[Source, ...]
    args: frozenset[str]
    syntax: str | None = None


@dataclass(frozen=True)
class _Need:
    """What a COPY --from (an index or a name) or a RUN mount (a name only) takes files from."""

    name: str
    line: int
    may_be_index: bool


@dataclass(eq=False)
class _Stage:
    """One FROM and what follows; `values` are the ARGs and ENVs in force at its end."""

    name: str
    base: str
    line: int
    parent: "_Stage | None"
    values: dict[str, str]
    needs: list[_Need] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)


def read_dockerfile(
    text: str, args: Mapping[str, str], target: str | None = None, origin: str = "Dockerfile"
) -> Dockerfile:
    """What the stages that the build of `target` (the last stage if None) needs refer to.

    `args` are the build args that would be passed. Raises `TemplateError` with the line.
    """
    try:
        return _Reader(text, args, origin).read(target)
    except DockerfileSyntaxError as problem:
        message = str(problem).split(": ", 1)[-1]
        raise TemplateError(f"{origin}:{problem.line or 1}: {message}") from None


class _Reader:
    def __init__(self, text: str, args: Mapping[str, str], origin: str) -> None:
        self.origin = origin
        self.args = args
        tree = parse_dockerfile_ast(text)
        self.escape = tree.escape_token
        self.instructions = tree.instructions
        self.syntax = _syntax(text)
        self.declared: set[str] = set()
        self.before_from = {**_PLATFORM_ARGS, **{k: args[k] for k in _PLATFORM_ARGS if k in args}}
        self.stages: list[_Stage] = []
        self.names: dict[str, _Stage] = {}

    def read(self, target: str | None) -> Dockerfile:
        for instruction in self.instructions:
            self._take(instruction)
        if not self.stages:
            raise self._error(1, "there is no FROM, so nothing can be built")
        self._refuse_circles()
        images: dict[str, int] = {}
        sources: list[Source] = []
        for stage in self._needed(target):
            if not stage.parent and stage.base != SCRATCH:
                images.setdefault(self._image(stage.base, stage.line), stage.line)
            for need in stage.needs:
                if not self._stage_of(need) and need.name != SCRATCH:
                    images.setdefault(self._image(need.name, need.line), need.line)
            sources += stage.sources
        return Dockerfile(images, tuple(sources), frozenset(self.declared), self.syntax)

    def _take(self, instruction: DockerfileInstruction) -> None:
        problem = refusal(instruction)
        if problem:
            raise self._error(instruction.start_line, problem)
        if instruction.name == "FROM":
            self._from(instruction)
        elif instruction.name == "ARG":
            self._arg(instruction)
        elif not self.stages:
            line = instruction.start_line
            raise self._error(line, f"{instruction.name} stands before the first FROM")
        elif instruction.name == "ENV":
            for key, value in zip(instruction.args[::3], instruction.args[1::3], strict=False):
                name = self._expand(key, self.stages[-1].values, instruction)
                self.stages[-1].values[name] = self._stage_value(value, instruction)
        elif instruction.name in ("COPY", "ADD"):
            self._copy(instruction)
        elif instruction.name == "RUN":
            self._mounts(instruction)

    def _from(self, instruction: DockerfileInstruction) -> None:
        words, line = instruction.args, instruction.start_line
        named = len(words) == 3 and words[1].lower() == "as"
        if len(words) != 1 and not named:
            raise self._error(line, "FROM takes one image, or one image and AS with a name")
        base = self._expand(words[0], self.before_from, instruction)
        if not base:
            raise self._error(line, f"the base name '{words[0]}' is empty")
        name = words[2].lower() if named else ""
        if named and not _STAGE_NAME.fullmatch(name):
            raise self._error(line, f"'{words[2]}' cannot name a stage")
        # BuildKit compares the base as it is written with the lower-case stage names.
        parent = self.names.get(base)
        stage = _Stage(name, base, line, parent, dict(parent.values) if parent else {})
        self.stages.append(stage)
        if name:
            self.names[name] = stage

    def _arg(self, instruction: DockerfileInstruction) -> None:
        values = self.stages[-1].values if self.stages else self.before_from
        for word in instruction.args:
            name, assigned, default = word.partition("=")
            self.declared.add(name)
            if name in self.args:
                values[name] = self.args[name]
            elif assigned:
                values[name] = self._expand(default, values, instruction)
            elif self.stages and name in self.before_from:
                values[name] = self.before_from[name]

    def _copy(self, instruction: DockerfileInstruction) -> None:
        stage, line = self.stages[-1], instruction.start_line
        origin = _flags(instruction.flags).get("from")
        if origin is not None:
            if "$" in origin:
                raise self._error(line, "--from cannot hold a variable; name a stage for it")
            stage.needs.append(_Need(origin, line, may_be_index=True))
            return
        for word in instruction.args[:-1]:
            path = self._stage_value(word, instruction)
            remote = instruction.name == "ADD" and _REMOTE.match(path)
            inline = instruction.heredocs and parse_heredoc(word)
            if not remote and not inline and not self._is_unknown(word):
                stage.sources.append(Source(path, line, instruction.name))

    def _mounts(self, instruction: DockerfileInstruction) -> None:
        stage, line = self.stages[-1], instruction.start_line
        for flag in instruction.flags:
            if not flag.startswith("--mount="):
                continue
            options = dict(part.partition("=")[::2] for part in flag[8:].split(","))
            if options.get("from"):
                stage.needs.append(_Need(options["from"], line, may_be_index=False))
            elif options.get("type", "bind") == "bind":
                path = options.get("source") or options.get("src") or "."
                stage.sources.append(Source(self._stage_value(path, instruction), line, "RUN"))

    def _stage_value(self, word: str, instruction: DockerfileInstruction) -> str:
        return self._expand(word, self.stages[-1].values, instruction)

    def _is_unknown(self, word: str) -> bool:
        """Whether a word uses a variable that may come from the base image's environment."""
        used = re.findall(r"\$\{?(\w+)", word)
        return any(name not in self.stages[-1].values for name in used)

    def _expand(
        self, word: str, values: Mapping[str, str], instruction: DockerfileInstruction
    ) -> str:
        lexer = ShellLex(self.escape, env=values, skip_unset_env=False)
        try:
            return lexer.process_word(word)
        except ValueError as problem:
            raise self._error(instruction.start_line, str(problem)) from None

    def _stage_of(self, need: _Need) -> _Stage | None:
        if need.may_be_index and need.name.lstrip("+-").isdecimal():
            if not 0 <= int(need.name) < len(self.stages):
                raise self._error(need.line, f"there is no stage with the index {need.name}")
            return self.stages[int(need.name)]
        return self.names.get(need.name.lower())

    def _before(self, stage: _Stage) -> list[_Stage]:
        """The stages that must be built before this one."""
        found = [self._stage_of(need) for need in stage.needs]
        return [other for other in (stage.parent, *found) if other]

    def _refuse_circles(self) -> None:
        sorter = TopologicalSorter({stage: self._before(stage) for stage in self.stages})
        try:
            sorter.prepare()
        except CycleError as problem:
            line = max(stage.line for stage in problem.args[1])
            raise self._error(line, "this stage needs itself, directly or through others") from None

    def _needed(self, target: str | None) -> list[_Stage]:
        last = self.stages[-1] if target is None else self.names.get(target.lower())
        if last is None:
            hint = nearest(str(target), self.names)
            raise self._error(1, f"no stage is called '{target}'.{hint}")
        needed, waiting = [], [last]
        while waiting:
            stage = waiting.pop()
            if stage not in needed:
                needed.append(stage)
                waiting += self._before(stage)
        return sorted(needed, key=lambda stage: stage.line)

    def _image(self, name: str, line: int) -> str:
        try:
            parse_reference(name)
        except UsageError as problem:
            raise self._error(line, str(problem)) from None
        return name

    def _error(self, line: int, message: str) -> TemplateError:
        return TemplateError(f"{self.origin}:{line}: {message.removesuffix('.')}.")


# Known before the first FROM without an ARG; the values are those of a local build.
_PLATFORM_ARGS = {
    "TARGETPLATFORM": "linux/amd64",
    "TARGETOS": "linux",
    "TARGETARCH": "amd64",
    "TARGETVARIANT": "",
    "BUILDPLATFORM": "linux/amd64",
    "BUILDOS": "linux",
    "BUILDARCH": "amd64",
    "BUILDVARIANT": "",
}


def _flags(flags: list[str]) -> dict[str, str]:
    return {key: value for key, _, value in (flag[2:].partition("=") for flag in flags)}


def _syntax(text: str) -> str | None:
    """The image that `# syntax=` names, if the first lines hold such a directive."""
    for line in text.removeprefix("\ufeff").splitlines():
        found = re.fullmatch(r"#\s*([A-Za-z]\w*)\s*=\s*(.+?)\s*", line)
        if not found:
            return None
        if found[1].lower() == "syntax":
            return found[2]
    return None
