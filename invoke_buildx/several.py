"""Build several images: one bake call where they share a builder, else one by one in order."""

import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import cached_property, partial

from invoke_buildx.bake import Bake
from invoke_buildx.builder import builder_name
from invoke_buildx.delivery import PULLS, take_into_engine
from invoke_buildx.diagnosis import base_problem, machine_problem
from invoke_buildx.display import Display, LiveDisplay, PlainDisplay
from invoke_buildx.engine import buildx
from invoke_buildx.engine.command import Background, side_by_side
from invoke_buildx.engine.machine import Machine
from invoke_buildx.engine.progress import Event, Progress
from invoke_buildx.errors import CommandError
from invoke_buildx.outcome import Outcome
from invoke_buildx.plan import Options, Step
from invoke_buildx.project.instructions import instruction_patterns
from invoke_buildx.project.project import Project

PROGRESS = "BUILDKIT_PROGRESS"
FOLLOWED = {PROGRESS: "rawjson"}
_FAILED = re.compile(r"ERROR: (?:target (\S+): )?(?:failed to solve: )?(.*)")
_SNIPPET = re.compile(r"\s*(\d+) \| (?:>>>|   ) ?(.*)")


def build_several(project: Project, machine: Machine, options: Options, outcome: Outcome) -> None:
    """Build what the plan says; a failed image stops only what is made from it."""
    steps = outcome.plan.doing("build")
    is_live = sys.stderr.isatty() and not machine.shell.dry
    kind = LiveDisplay if is_live else PlainDisplay
    display = kind([step.label for step in steps])
    several = _Several(project, machine, options, outcome, display)
    try:
        if len({builder_name(project, step.node.image, machine) for step in steps}) == 1:
            several.together(steps)
        else:
            several.one_by_one(steps)
    finally:
        display.close()


class _Several:
    def __init__(
        self,
        project: Project,
        machine: Machine,
        options: Options,
        outcome: Outcome,
        display: Display,
    ) -> None:
        self.project, self.machine, self.options = project, machine, options
        self.outcome, self.display = outcome, display
        self.noting = threading.Lock()

    def together(self, steps: Sequence[Step]) -> None:
        """One call; after a failure one more for what has nothing to do with it."""
        beside = [
            step
            for step in self.outcome.plan.doing("none", "push", "pull")
            if step.to.kind == "load"  # no registry holds it for its children
        ]
        remaining = list(steps)
        while remaining:
            self._call(remaining, beside)
            remaining = [step for step in remaining if not self._is_settled(step)]

    def one_by_one(self, steps: Sequence[Step]) -> None:
        """Each on its own builder as soon as its parents are there, some at once."""
        remaining = list(steps)
        while remaining:
            waiting = {step.label for step in remaining}
            ready = [step for step in remaining if not waiting.intersection(step.node.parents)]
            calls: list[Callable[[], None]] = [partial(self._call, [step], []) for step in ready]
            side_by_side(calls, 1 if self.machine.shell.dry else self.options.jobs)
            remaining = [step for step in remaining if not self._is_settled(step)]

    def _call(self, steps: Sequence[Step], beside: Sequence[Step]) -> None:
        """One bake call, whose steps are all settled if it went well or cannot go on."""
        bake = Bake(self.project, self.machine, steps, beside, self.options)
        with Background(PULLS) as pulls:
            # An image is pulled while those that follow are still being built.
            taken: set[str] = set()

            def take(label: str) -> None:
                taken.add(label)
                pulls.start(partial(self._take, bake.known[label]))

            call, began = _Call(bake, self.display, take), time.time()
            try:
                call.run(builder_name(self.project, steps[0].node.image, self.machine))
            except CommandError as failure:
                done = [step for step in steps if step.label in taken]
                with self.noting:
                    self._note_failure(call, done, failure, began)
            else:
                for step in steps:
                    if step.label not in taken:
                        self._take(step)

    def _take(self, step: Step) -> None:
        try:
            take_into_engine(self.machine, {step.to: None})
        except CommandError as failure:
            with self.noting:
                self.outcome.fail(step.label, str(failure), failure.code)
        else:
            with self.noting:
                self.outcome.built.append(step)

    def _note_failure(
        self, call: "_Call", done: Sequence[Step], failure: CommandError, began: float
    ) -> None:
        label, sentence = call.culprit() or (None, str(failure))
        undone = [step for step in call.bake.steps if step not in done]
        first = call.bake.known[label] if label in call.bake.known else undone[0]
        builder = builder_name(self.project, first.node.image, self.machine)
        general = machine_problem(self.machine, builder, began, str(failure))
        reason = general or base_problem(self.project, self.machine, first.node)
        self.outcome.fail(first.label, reason or sentence, failure.code)
        if general or label is None:
            # What stopped this one would stop the others too.
            for step in undone:
                if not self._is_settled(step):
                    self.outcome.not_tried[step.label] = f"{first.label} failed"

    def _is_settled(self, step: Step) -> bool:
        outcome = self.outcome
        return step in outcome.built or step.label in {**outcome.failed, **outcome.not_tried}


class _Call:
    """One bake call and what its progress told."""

    def __init__(self, bake: Bake, display: Display, take: Callable[[str], None]) -> None:
        self.bake, self.display, self.take = bake, display, take
        self.labels = {target: label for label, target in bake.targets.items()}
        self.failure: tuple[str, str] | None = None
        self.snippet: list[tuple[int, str]] = []

    def run(self, builder: str) -> None:
        """Build. Raises `CommandError`."""
        shell = self.bake.machine.shell
        wanted = buildx.bake(
            builder=builder,
            definition=self.bake.definition(),
            options=[
                f"--provenance={str(self.bake.project.settings.provenance).lower()}",
                *("--allow=network.host", "--allow=fs.read=*"),
            ],
        )
        if self.bake.machine.environ.get(PROGRESS):
            shell.run(wanted)
        else:
            shell.follow(wanted, Progress(self.labels, self._show).feed, **FOLLOWED)

    def culprit(self) -> tuple[str, str] | None:
        """The image that failed and why, as far as buildx has said it.

        A child may report the step of its parent; the lines that are shown tell whose it is.
        """
        if self.failure is None:
            return None
        target, sentence = self.failure
        label = self.labels.get(target, target)
        holds = (one for one in self._family(label) if self._holds_snippet(one))
        return next(holds, label), sentence

    def _holds_snippet(self, label: str) -> bool:
        """Whether the lines that buildx has shown are those of that image's text."""
        lines = [*self.bake.known[label].node.text.splitlines(), ""]
        return bool(self.snippet) and all(
            number <= len(lines) and lines[number - 1].strip() == text.strip()
            for number, text in self.snippet
        )

    def _show(self, event: Event) -> None:
        if event.kind == "other":
            self._remember(event.text)
        label = self._owner(event) if event.target else None
        if label and event.kind == "done" and event.text.startswith("exporting"):
            self.take(label)
        self.display.show(event, label)

    def _owner(self, event: Event) -> str:
        """The image whose own text holds that step, if its child reports it."""
        label = self.labels.get(str(event.target), str(event.target))
        instruction = " ".join(event.step.split())
        for one in self._family(label):
            if any(pattern.fullmatch(instruction) for pattern in self._instructions[one]):
                return one
        return label

    @cached_property
    def _instructions(self) -> dict[str, list[re.Pattern[str]]]:
        known = self.bake.known.items()
        return {label: instruction_patterns(step.node.text) for label, step in known}

    def _family(self, label: str) -> list[str]:
        """An image of this call with its ancestors, parents first."""
        wanted = {label, *self.bake.ancestors(label)}
        return [known for known in self.bake.known if known in wanted]

    def _remember(self, line: str) -> None:
        failed, shown = _FAILED.match(line), _SNIPPET.match(line)
        if failed:
            self.failure = failed[1] or next(iter(self.labels)), failed[2]
        elif shown:
            self.snippet.append((int(shown[1]), shown[2]))
