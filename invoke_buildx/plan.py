"""What must be done for images, and why: nothing is built or moved without a reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from invoke_buildx.delivery import Delivery, delivery
from invoke_buildx.engine.machine import Machine
from invoke_buildx.project.context import contents, folded
from invoke_buildx.project.fingerprint import (
    FINGERPRINT_LABEL,
    Parts,
    changes,
    read_parts,
    short_hash,
)
from invoke_buildx.project.graph import Node, ordered, refuse_missing_sources, with_ancestors
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project
from invoke_buildx.survey import UNREACHABLE, RemoteImage, Survey, Surveyor, foreign

# They change the result without being declared (BuildKit's built-in build args).
BUILT_IN = ("BUILDKIT_", "SOURCE_DATE_EPOCH")


Action = Literal["build", "push", "pull", "none"]


@dataclass(frozen=True)
class Options:
    """What was asked for besides the images; `no_cache` and `pull` mean what Docker means."""

    force: bool = False
    no_deps: bool = False
    no_cache: bool = False
    pull: bool = False
    jobs: int = 2

    @property
    def reason(self) -> str | None:
        """Why to build whatever has changed or not."""
        asked = {"--force": self.force, "--no-cache": self.no_cache, "--pull": self.pull}
        return next((f"{flag} was given" for flag, given in asked.items() if given), None)


@dataclass(frozen=True)
class Step:
    """What is to be done for one image; `push` and `pull` complete an earlier delivery.

    `parts` are what it would be made of now, `made` what the one that exists is made of;
    `pinned` are the digests of parents that stay as they are, by label.
    """

    node: Node
    to: Delivery
    parts: Parts
    action: Action
    reasons: tuple[str, ...] = ()
    is_always_built: bool = False
    made: Parts | None = None
    pinned: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The image, as it is typed after --image."""
        return self.node.image.label


@dataclass(frozen=True)
class Plan:
    """Every image that was asked for and all that it needs, parents first."""

    steps: tuple[Step, ...]
    requested: frozenset[str]

    def doing(self, *actions: str) -> list[Step]:
        """The steps with one of these actions."""
        return [step for step in self.steps if step.action in actions]

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do."""
        return not self.doing("build", "push", "pull")


def make_plan(
    project: Project, machine: Machine, images: Iterable[Image], options: Options
) -> Plan:
    """Compare what the files say with what engine and registry hold. Raises `BuildxError`."""
    wanted = list(images)
    everything = ordered(with_ancestors(project, wanted))
    order = [entry for entry in everything if entry.image in wanted or not options.no_deps]
    refuse_missing_sources(project, order)
    survey = Surveyor(project, machine).look(everything, remote_bases=not machine.shell.dry)
    requested = frozenset(image.label for image in wanted)
    planner = Planner(project, machine, survey, options, requested)
    return Plan(_only_needed(planner.steps(order), requested), requested)


def is_good_to_run(project: Project, machine: Machine, image: Image) -> bool:
    """Whether the engine's image is what would be built, or was made by hand to be different.

    Only this machine is asked.
    """
    surveyor = Surveyor(project, machine)
    engine = surveyor.engine()
    held = engine.get(str(image.reference))
    parts = read_parts(held.labels) if held else None
    if parts and parts.by_hand:
        machine.shell.say(f"{image.label} as it was built with {', '.join(parts.by_hand)}.")
        return True
    order = ordered(with_ancestors(project, [image]))
    bases = surveyor.bases(order, remote=False)
    planner = Planner(project, machine, Survey(engine, bases=bases))
    return planner.steps(order)[-1].action != "build"


@dataclass(frozen=True)
class Planner:
    """Decides image by image, parents first."""

    project: Project
    machine: Machine
    survey: Survey
    options: Options = Options()
    requested: frozenset[str] = frozenset()

    @cached_property
    def done(self) -> dict[str, Step]:
        """The steps decided so far, by label."""
        return {}

    def steps(self, order: Iterable[Node]) -> list[Step]:
        """What is to be done for each of these images, parents coming first."""
        found = [self.step(entry) for entry in order]
        self.project.hashes.save()
        return found

    def step(self, entry: Node) -> Step:
        """What is to be done for one image, its parents being decided."""
        to = delivery(self.project, self.machine, entry.image)
        parts, unknown = self.parts(entry), self.unknown(entry)
        held, remote = self.places(to)
        made = [place for place in (remote, held) if place and fits(parts, place)]
        asked = self.options.reason if entry.image.label in self.requested else None
        forced = [asked, *unknown] if asked else unknown
        if made and not forced:
            action, reasons = self._move(entry, to, is_pushed=made[0] is remote)
            fitting = as_made(parts, made[0])
            step = Step(entry, to, fitting, action, reasons, made=made[0])
        else:
            why = (*forced, *self._reasons(parts, held or remote, to))
            fresh = _fresh(parts, made, is_forced=asked is not None)
            pinned = self._pinned(entry.parents)
            step = Step(entry, to, fresh, "build", why, bool(unknown), held or remote, pinned)
        self.done[entry.image.label] = step
        return step

    def places(self, to: Delivery) -> tuple[Parts | None, Parts | None]:
        """What the engine's and the registry's image of that name say they are made of."""
        held, remote = self.survey.in_engine(to.reference), self._remote(to)
        return (read_parts(held.labels) if held else None), (remote.parts if remote else None)

    def parts(self, entry: Node) -> Parts:
        """What the image would be made of now."""
        image = entry.image
        return Parts(
            text=entry.text,
            text_hash=short_hash(entry.text),
            args={name: short_hash(f"{name}={value}") for name, value in self._args(entry)},
            files=files_of(self.project, entry),
            parents={label: self._fingerprint(label) for label in entry.parents},
            bases={name: self.survey.bases.get(name, "") for name in foreign(entry)},
            options=self._settings(image),
            by_hand=self.project.by_hand,
        )

    def unknown(self, entry: Node) -> list[str]:
        """Why an image is always built: inputs that no text tells, its own or its parents'."""
        own = [f"{sentence}, so it is always built" for sentence in entry.dockerfile.unknown]
        parents = (self.done[label] for label in entry.parents if label in self.done)
        inherited = (step.label for step in parents if step.is_always_built)
        return [*own, *(f"its parent {label} is always built" for label in inherited)]

    def _move(
        self, entry: Node, to: Delivery, *, is_pushed: bool
    ) -> tuple[Action, tuple[str, ...]]:
        """How an image that exists as it should gets to where it is missing."""
        held, remote = self.survey.in_engine(to.reference), self._remote(to)
        if to.kind != "registry":
            return "none", ()
        if not is_pushed:
            several = len(self.project.platforms_of(entry.image)) > 1
            return ("build" if several else "push"), (f"{to.found.host} does not hold it",)
        if held is None or (remote and held.id != remote.id and not self._is_pulled(to)):
            return "pull", ("the engine does not hold it",)
        return "none", ()

    def _pinned(self, parents: Iterable[str]) -> dict[str, str]:
        """The digests under which the registry holds parents that are not to be built."""
        kept = [step for label in parents if (step := self.done.get(label))]
        # One that is to be pushed gets another digest by that.
        stay = [step for step in kept if step.action in ("none", "pull")]
        remotes = {step.label: self._remote(step.to) for step in stay}
        return {label: remote.digest for label, remote in remotes.items() if remote}

    def _is_pulled(self, to: Delivery) -> bool:
        """Whether the engine took its image from exactly what the registry holds now."""
        held, remote = self.survey.in_engine(to.reference), self._remote(to)
        return bool(held and remote and f"{to.found.name}@{remote.digest}" in held.digests)

    def _remote(self, to: Delivery) -> RemoteImage | None:
        found = self.survey.registry.get(str(to.found))
        return None if found is UNREACHABLE else found

    def _reasons(self, parts: Parts, place: Parts | None, to: Delivery) -> list[str]:
        held = self.survey.in_engine(to.reference)
        if place:
            found = changes(place, as_made(parts, place))
            return [f"changed: {', '.join(found)}"] if found else []
        if held and FINGERPRINT_LABEL in held.labels:
            return ["another version of this tool has built it"]
        there = held or self._remote(to)
        return ["it was built by other means" if there else "it is not built"]

    def _fingerprint(self, label: str) -> str:
        """The fingerprint of a parent: as planned, or as it is where it is not to be touched."""
        if label in self.done:
            return self.done[label].parts.fingerprint
        parent = next(image for image in self.project.images if image.label == label)
        held, remote = self.places(delivery(self.project, self.machine, parent))
        found = remote or held
        return found.fingerprint if found else ""

    def _args(self, entry: Node) -> list[tuple[str, str]]:
        """The build args that count; others do not change the result."""
        consumed, image = entry.dockerfile.consumed, entry.image
        args = self.project.args(image, entry.dockerfile)
        epoch = self.machine.environ.get("SOURCE_DATE_EPOCH")
        given = {"SOURCE_DATE_EPOCH": epoch, **args} if epoch else args
        return [(k, v) for k, v in given.items() if k in consumed or k.startswith(BUILT_IN)]

    def _settings(self, image: Image) -> dict[str, str]:
        settings = image.settings
        values = {
            "target": settings.target or "",
            "platforms": ",".join(self.project.platforms_of(image)),
            "network": settings.network or self.project.settings.builder.network,
            "extra_hosts": ",".join(settings.extra_hosts),
            "labels": ",".join(f"{key}={value}" for key, value in settings.labels.items()),
            "compression": _unless("zstd", self.project.settings.compression),
            "provenance": "yes" if self.project.settings.provenance else "",
        }
        return {key: value for key, value in values.items() if value}


def files_of(project: Project, entry: Node) -> dict[str, str]:
    """The hashes of what an image takes from its context, as they are now."""
    sources = entry.dockerfile.sources
    if not sources:
        return {}
    return folded(contents(project.context(entry.image), sources, project.hashes))


def as_made(parts: Parts, place: Parts) -> Parts:
    """The parts with what only a built image can tell: bases not to be asked now, generation."""
    bases = {name: digest or place.bases.get(name, "") for name, digest in parts.bases.items()}
    return replace(parts, bases=bases, generation=place.generation)


def fits(parts: Parts, place: Parts) -> bool:
    """Whether an image that is made of `place` is what these parts would be built into."""
    return as_made(parts, place).fingerprint == place.fingerprint


def _unless(default: str, value: str) -> str:
    return "" if value == default else value


def _only_needed(steps: list[Step], requested: frozenset[str]) -> tuple[Step, ...]:
    """Leave ancestors alone of which nothing is built, and what their engine copies lack."""
    used: set[str] = set()
    kept: list[Step] = []
    for step in reversed(steps):
        is_used = step.label in used and step.action != "pull"
        acts = step.label in requested or is_used
        if acts and step.action == "build":
            used.update(step.node.parents)
        kept.insert(0, step if acts else replace(step, action="none", reasons=()))
    return tuple(kept)


def _fresh(parts: Parts, made: list[Parts], *, is_forced: bool) -> Parts:
    """The parts of an image that is built now; a forced one is told from an equal one."""
    if not made:
        return parts
    import secrets

    again = as_made(parts, made[0])
    return replace(again, generation=secrets.token_hex(4)) if is_forced else again
