"""Where each image is, whether it is what the files say, and why not."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from invoke_buildx.engine.asking import ask_all
from invoke_buildx.engine.daemon import LocalImage
from invoke_buildx.engine.machine import Machine
from invoke_buildx.plan import Planner, Step, fits
from invoke_buildx.project.graph import ordered, with_ancestors
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project
from invoke_buildx.survey import UNREACHABLE, RemoteImage, Surveyor


@dataclass(frozen=True)
class ImageStatus:
    """One image: `engine` and `registry` are current, stale, absent or unreachable."""

    step: Step
    engine: str
    id: str | None
    registry: str
    digest: str | None
    reason: str

    @property
    def image(self) -> Image:
        """The image that this is about."""
        return self.step.node.image

    def as_json(self) -> dict[str, Any]:
        """The contract of `status --json`."""
        return {
            "image": self.image.label,
            "ref": str(self.image.reference),
            "fingerprint": self.step.parts.fingerprint,
            "engine": {"state": self.engine, "id": self.id},
            "registry": {"state": self.registry, "digest": self.digest},
            "parents": list(self.step.node.parents),
            "reason": self.reason,
        }


def status(project: Project, machine: Machine, images: Iterable[Image]) -> list[ImageStatus]:
    """The status of these images; the engine is asked once, each registry over few connections."""
    wanted = list(images)
    order = ordered(with_ancestors(project, wanted))
    surveyor = Surveyor(project, machine)
    survey = surveyor.look(order, remote_bases=False)
    planner = Planner(project, machine, survey)
    steps = {step.label: step for step in planner.steps(order)}
    chosen = [steps[image.label] for image in wanted]

    def published(step: Step) -> RemoteImage | None:
        if step.to.kind == "registry" and step.to.found == step.to.reference:
            return survey.registry[str(step.to.found)]
        return surveyor.remote(step.to.reference, survey.in_engine(step.to.reference))

    remotes = ask_all(published, {step.label: step for step in chosen})
    return [
        _status(step, survey.in_engine(step.to.reference), remotes[step.label]) for step in chosen
    ]


def _status(step: Step, held: LocalImage | None, remote: RemoteImage | None) -> ImageStatus:
    is_current = held is not None and step.action != "build"
    engine = "current" if is_current else "stale" if held else "absent"
    registry, digest = _registry_state(step, held, remote)
    reasons = {
        "absent": "not pushed",
        "stale": "the registry holds another build",
        "unreachable": f"{step.to.reference.host} does not answer",
        "current": "",
    }
    why = list(step.reasons) if step.action == "build" else []
    if held is None and not why:
        why = ["not in the engine"]
    if not why or registry == "unreachable":
        why.append(reasons[registry])
    reason = "; ".join(filter(None, why))
    return ImageStatus(step, engine, held.id if held else None, registry, digest, reason)


def _registry_state(
    step: Step, held: LocalImage | None, remote: RemoteImage | None
) -> tuple[str, str | None]:
    if remote is None:
        return "absent", None
    if remote is UNREACHABLE:
        return "unreachable", None
    fitting = remote.parts is not None and fits(step.parts, remote.parts)
    name = step.to.reference.name
    same = held is None or held.id == remote.id or f"{name}@{remote.digest}" in held.digests
    return ("current" if fitting and same else "stale"), remote.digest
