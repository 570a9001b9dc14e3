"""Why an image would be built again: the file, the argument, the lines, the parent."""

from collections.abc import Iterable
from dataclasses import dataclass

from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError, command_line
from invoke_buildx.plan import Options, Step, make_plan
from invoke_buildx.project.fingerprint import text_diff
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project


@dataclass(frozen=True)
class Answer:
    """What would be done for an image (build, push, pull or none), why, and the changed lines."""

    image: str
    action: str
    reasons: tuple[str, ...]
    diff: tuple[str, ...]

    def as_text(self) -> str:
        """The answer for people."""
        if self.action == "none":
            return f"{self.image} is current."
        lines = [f"{self.image}: {self.action}, since {'; '.join(self.reasons)}"]
        return "\n".join([*lines, *(f"  {line}" for line in self.diff)])


def why(project: Project, machine: Machine, images: Iterable[Image]) -> list[Answer]:
    """What would be done for these images, and because of what."""
    plan = make_plan(project, machine, images, Options())
    asked = [step for step in plan.steps if step.label in plan.requested]
    return [Answer(step.label, step.action, step.reasons, _diff(step)) for step in asked]


def rendered_diff(project: Project, machine: Machine, image: Image) -> tuple[str, ...]:
    """The lines in which the Dockerfile differs from that of the built image."""
    plan = make_plan(project, machine, [image], Options())
    step = plan.steps[-1]
    if step.made is None:
        fix = command_line(f"build --image {image.label}")
        raise EngineError(f"{image.label} was not built by this tool yet. Build it: {fix}")
    return _diff(step)


def _diff(step: Step) -> tuple[str, ...]:
    if step.made is None or step.made.text is None:
        return ()
    return tuple(text_diff(step.made.text, step.node.text))
