"""What a rendered Dockerfile refers to: images, files of the context, declared build args.

Parsing is e2b-dockerfile-utils', a port of BuildKit's parser that agreed with BuildKit on
thousands of real files; substitution and stage rules are written here, after BuildKit's
frontend/dockerfile/dockerfile2llb/convert.go.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from e2b_dockerfile_utils import (
    DockerfileInstruction,
    DockerfileSyntaxError,
    ShellLex,
    parse_dockerfile_ast,
    parse_heredoc,
)

from invoke_buildx.errors import TemplateError, UsageError
from invoke_buildx.project.dispatch import (
    copy_words,
    dispatch_refusal,
    mount_fields,
    platform_refusal,
)
from invoke_buildx.project.platforms import platform_args
from invoke_buildx.project.reference import parse_reference
from invoke_buildx.project.references import Dockerfile, Source, Triggers
from invoke_buildx.project.rules import refusal
from invoke_buildx.project.stages import Need, Stage, StageError, Stages

SCRATCH = "scratch"
# ADD fetches these; BuildKit's frontend/dockerfile/dfgitutil tells git addresses likewise.
_REMOTE = re.compile(r"(?:https?|git|ssh)://|git@[\w.-]+:|github\.com/")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")


def read_dockerfile(
    text: str,
    args: Mapping[str, str],
    target: str | None = None,
    origin: str = "Dockerfile",
    *,
    platform: str | None = None,
    triggers: Triggers = lambda _: (),
) -> Dockerfile:
    """What the stages that the build of `target` (the last stage if None) needs refer to.

    `args` are the build args that would be passed, `platform` is what is built for (None for
    this machine's own). Raises `TemplateError` with the line.
    """
    try:
        return _Reader(text, args, origin, platform, triggers).read(target)
    except StageError as problem:
        message = str(problem).removesuffix(".")
        raise TemplateError(f"{origin}:{problem.line}: {message}.") from None
    except DockerfileSyntaxError as problem:
        message = str(problem).split(": ", 1)[-1]
        raise TemplateError(f"{origin}:{problem.line or 1}: {message}") from None


class _Reader:
    def __init__(
        self,
        text: str,
        args: Mapping[str, str],
        origin: str,
        platform: str | None,
        triggers: Triggers,
    ) -> None:
        self.origin = origin
        self.args = args
        tree = parse_dockerfile_ast(text)
        self.escape = tree.escape_token
        self.instructions = tree.instructions
        self.syntax = _syntax(text)
        self.declared: set[str] = set()
        self.globals: set[str] = set()
        self.triggers = triggers
        predefined = platform_args(platform)
        self.before_from = {key: args.get(key, value) for key, value in predefined.items()}
        self.stages = Stages()

    def read(self, target: str | None) -> Dockerfile:
        for instruction in self.instructions:
            self._take(instruction)
        if not self.stages.all:
            raise self._error(1, "there is no FROM, so nothing can be built")
        self.stages.refuse_circles()
        last = self.stages.target(target)
        needed = self.stages.needed(last)
        # Names are looked at in every stage, what else is wrong only in those that are needed.
        named = {id(stage): self._images(stage) for stage in self.stages.all}
        images: dict[str, int] = {}
        for stage in needed:
            if stage.problem:
                raise stage.problem
            for name, line in named[id(stage)].items():
                images.setdefault(name, line)
        return Dockerfile(
            images,
            sources=tuple(source for stage in needed for source in stage.sources),
            args=frozenset(self.declared),
            syntax=self.syntax,
            consumed=frozenset(self.globals.union(*(stage.declared for stage in needed))),
            unknown=tuple(sentence for stage in needed for sentence in stage.unknown),
            onbuild=tuple(last.onbuild),
        )

    def _images(self, stage: Stage) -> dict[str, int]:
        """The images of others that a stage is made from, with their lines."""
        found: dict[str, int] = {}
        if not stage.parent and stage.base != SCRATCH:
            found[self._image(stage.base, stage.line)] = stage.line
        for need in stage.needs:
            if not self.stages.of(need) and need.name != SCRATCH:
                found.setdefault(self._image(need.name, need.line), need.line)
        return found

    def _take(self, instruction: DockerfileInstruction) -> None:
        problem = refusal(instruction, labs=self.syntax is not None)
        if problem:
            raise self._error(instruction.start_line, problem)
        if instruction.name == "FROM":
            self._from(instruction)
        elif not self.stages.all and instruction.name == "ARG":
            self._arg(instruction)
        elif not self.stages.all:
            line = instruction.start_line
            raise self._error(line, f"{instruction.name} stands before the first FROM")
        else:
            self._need(instruction)
            self._dispatch(instruction)

    def _need(self, instruction: DockerfileInstruction) -> None:
        """Note what an instruction takes from other stages or images, whether it runs or not."""
        stage, line = self.stages.all[-1], instruction.start_line
        flags = _flags(instruction.flags)
        if instruction.name == "COPY" and flags.get("from"):
            if "$" in flags["from"]:
                raise self._error(line, "--from cannot hold a variable; name a stage for it")
            stage.needs.append(Need(flags["from"], line, may_be_index=True))
        for flag in instruction.flags if instruction.name == "RUN" else ():
            if flag.startswith("--mount="):
                origin = dict(self._mount(flag, line)).get("from")
                stage.needs += [Need(origin, line, may_be_index=False)] if origin else []

    def _mount(self, flag: str, line: int) -> list[tuple[str, str | None]]:
        try:
            return mount_fields(flag)
        except (csv.Error, ValueError) as problem:
            raise self._error(line, f"the mount cannot be read: {problem}") from None

    def _dispatch(self, instruction: DockerfileInstruction) -> None:
        """Carry out what matters here; what is wrong counts if the stage is needed."""
        stage = self.stages.all[-1]
        try:
            expand = partial(self._stage_value, instruction=instruction)
            problem = dispatch_refusal(instruction, expand, labs=self.syntax is not None)
            if problem:
                raise self._error(instruction.start_line, problem)
            self._carry_out(instruction)
        except TemplateError as found:
            stage.problem = stage.problem or found

    def _carry_out(self, instruction: DockerfileInstruction) -> None:
        if instruction.name == "ARG":
            self._arg(instruction)
        elif instruction.name == "ENV":
            for key, value in zip(instruction.args[::3], instruction.args[1::3], strict=False):
                name = self._expand(key, self.stages.all[-1].values, instruction)
                self.stages.all[-1].values[name] = self._stage_value(value, instruction)
        elif instruction.name in ("COPY", "ADD"):
            self._copy(instruction)
        elif instruction.name == "RUN":
            self._mounts(instruction)
        elif instruction.name == "ONBUILD":
            self.stages.all[-1].onbuild.append(instruction.original.split(maxsplit=1)[1])

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
        platform = _flags(instruction.flags).get("platform")
        if platform:
            problem = platform_refusal(self._expand(platform, self.before_from, instruction))
            if problem:
                raise self._error(line, problem)
        # BuildKit compares the base as it is written with the lower-case stage names.
        parent = self.stages.names.get(base)
        stage = Stage(name, base, line, parent, dict(parent.values) if parent else {})
        self.stages.add(stage)
        for trigger in parent.onbuild if parent else self.triggers(base):
            for found in parse_dockerfile_ast(trigger).instructions:
                self._take(replace(found, start_line=line))

    def _arg(self, instruction: DockerfileInstruction) -> None:
        values = self.stages.all[-1].values if self.stages.all else self.before_from
        for word in instruction.args:
            name, assigned, default = word.partition("=")
            self.declared.add(name)
            (self.stages.all[-1].declared if self.stages.all else self.globals).add(name)
            if name in self.args:
                values[name] = self.args[name]
            elif assigned:
                values[name] = self._expand(default, values, instruction)
            elif self.stages.all and name in self.before_from:
                values[name] = self.before_from[name]

    def _copy(self, instruction: DockerfileInstruction) -> None:
        stage, line = self.stages.all[-1], instruction.start_line
        if _flags(instruction.flags).get("from"):
            return
        for word in copy_words(instruction)[:-1]:
            path = self._stage_value(word, instruction)
            if instruction.heredocs and parse_heredoc(word):
                continue
            if instruction.name == "ADD" and _REMOTE.match(path):
                if not _is_pinned(path, instruction.flags):
                    stage.unknown.append(f"line {line}: what ADD {path} fetches can change")
            else:
                self._source(path, word, instruction)

    def _mounts(self, instruction: DockerfileInstruction) -> None:
        for flag in instruction.flags:
            if not flag.startswith("--mount="):
                continue
            options = dict(self._mount(flag, instruction.start_line))
            kind = self._stage_value(options.get("type") or "bind", instruction).lower()
            if kind == "bind" and not options.get("from"):
                word = options.get("source") or options.get("src") or "."
                self._source(self._stage_value(word, instruction), word, instruction)

    def _source(self, path: str, word: str, instruction: DockerfileInstruction) -> None:
        """Take note of a path of the context, or of a variable that hides which one it is."""
        stage, line = self.stages.all[-1], instruction.start_line
        if self._is_unknown(word):
            sentence = f"line {line}: {word} uses a variable that the base image may set"
            stage.unknown.append(sentence)
        else:
            stage.sources.append(Source(path, line, instruction.name))

    def _stage_value(self, word: str, instruction: DockerfileInstruction) -> str:
        return self._expand(word, self.stages.all[-1].values, instruction)

    def _is_unknown(self, word: str) -> bool:
        """Whether a word uses a variable that may come from the base image's environment."""
        used = re.findall(r"\$\{?(\w+)", word)
        return any(name not in self.stages.all[-1].values for name in used)

    def _expand(
        self, word: str, values: Mapping[str, str], instruction: DockerfileInstruction
    ) -> str:
        lexer = ShellLex(self.escape, env=values, skip_unset_env=False)
        try:
            return lexer.process_word(word)
        except ValueError as problem:
            raise self._error(instruction.start_line, str(problem)) from None

    def _image(self, name: str, line: int) -> str:
        try:
            parse_reference(name)
        except UsageError as problem:
            raise self._error(line, str(problem)) from None
        return name

    def _error(self, line: int, message: str) -> TemplateError:
        return TemplateError(f"{self.origin}:{line}: {message.removesuffix('.')}.")


def _is_pinned(address: str, flags: list[str]) -> bool:
    """Whether a checksum or a full commit fixes what an address holds."""
    commit = re.search(r"#[0-9a-f]{40}(?::|$)", address)
    return commit is not None or "checksum" in _flags(flags)


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
