"""What came of a build: what was built, moved, left as it is, failed and not tried."""

from dataclasses import dataclass, field

from invoke_buildx.errors import CommandError, command_line
from invoke_buildx.plan import Plan, Step


@dataclass
class Outcome:
    """The plan, and what became of each of its steps; `failed` has a sentence for each.

    `code` is the exit code of the first failure.
    """

    plan: Plan
    built: list[Step] = field(default_factory=list)
    moved: list[Step] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    not_tried: dict[str, str] = field(default_factory=dict)
    code: int = 0

    def fail(self, label: str, sentence: str, code: int) -> None:
        """Take note of a failure, and of the images that cannot be built without that one."""
        self.failed[label] = sentence
        self.code = self.code or code
        for step in self.plan.doing("build"):
            lost = {*self.failed, *self.not_tried}.intersection(step.node.parents)
            if lost and step.label not in self.failed and step not in self.built:
                self.not_tried[step.label] = f"needs {', '.join(sorted(lost))}"

    def raise_failure(self) -> None:
        """Raise `CommandError` with the summary if anything has failed."""
        if self.failed:
            raise CommandError(self.summary(), self.code)

    @property
    def current(self) -> list[Step]:
        """What was asked for and needed nothing."""
        return [step for step in self.plan.doing("none") if step.label in self.plan.requested]

    def summary(self) -> str:
        """What a person wants to know at the end; one line when all is well."""
        if len(self.plan.steps) == 1 and not self.failed:
            return self._single()
        counts = {
            "built": len(self.built),
            "moved": len(self.moved),
            "current": len(self.current),
            "failed": len(self.failed),
            "not tried": len(self.not_tried),
        }
        lines = [", ".join(f"{number} {what}" for what, number in counts.items() if number) + "."]
        rows = [
            *(("failed", label, why) for label, why in self.failed.items()),
            *(("not tried", label, why) for label, why in self.not_tried.items()),
        ]
        width = max((len(label) for _, label, _ in rows), default=0)
        lines += [f"{what:<9}  {label:<{width}}  {why}" for what, label, why in rows]
        if rows:
            names = " ".join(f"--image {label}" for _, label, _ in rows)
            lines.append(f"Go on with: {command_line(f'build {names}')}")
        return "\n".join(lines)

    def _single(self) -> str:
        [step] = self.plan.steps
        sentences = {
            "build": f"Built {step.to.reference}, now in {step.to.places}.",
            "push": f"Pushed {step.to.reference} to {step.to.found.host}, which did not hold it.",
            "pull": f"Pulled {step.to.reference}, which the engine did not hold.",
        }
        return sentences.get(step.action, f"{step.label} is current.")
