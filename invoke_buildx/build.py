"""Build images, parents first, and deliver each to where it is needed."""

import json
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from invoke_buildx.builder import builder_name, ensure_builder, is_engine_builder
from invoke_buildx.diagnosis import why_build_failed
from invoke_buildx.engine import buildx
from invoke_buildx.engine.command import Command, command
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import CommandError, EngineError
from invoke_buildx.project.graph import Node, ordered, refuse_missing_sources, with_ancestors
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import Reference, slug
from invoke_buildx.registry import (
    PROJECT_LABEL,
    delivers_through_registry,
    ensure_registry,
    local_registry,
)


@dataclass(frozen=True)
class Options:
    """What `build` was asked for besides the images; names and meanings are Docker's own."""

    no_deps: bool = False
    no_cache: bool = False
    pull: bool = False
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Delivery:
    """How a result gets to where it is needed.

    `pushed` is the name under which the build pushes it to the local registry, None when it
    does not; the engine then pulls that name and calls it `reference`. buildx writes what it
    made into the file `metadata`.
    """

    reference: Reference
    pushed: Reference | None
    output: tuple[str, ...]
    metadata: Path


def build(
    project: Project, machine: Machine, images: Iterable[Image], options: Options
) -> list[Node]:
    """Build these images and, unless told not to, all they are made from. The built nodes."""
    wanted = list(images)
    nodes = with_ancestors(project, wanted)
    if options.no_deps:
        nodes = {image.label: nodes[image.label] for image in wanted}
    steps = ordered(nodes)
    refuse_missing_sources(project, steps)
    if project.identity.through_sudo:
        who = project.identity
        machine.shell.say(f"Building for {who.username} (uid {who.uid}), who called sudo.")
    _prepare(project, machine, steps)
    for step in steps:
        # Two builds that deliver one image at once have been seen to fail each other.
        with machine.alone(slug(str(step.image.reference))):
            _build_one(project, machine, step, options)
    return steps


def delivery(project: Project, machine: Machine, image: Image) -> Delivery:
    """Through the local registry where builds can reach it; measured to move only what is new."""
    reference = image.reference
    metadata = Path(tempfile.gettempdir()) / f"invoke-buildx-{secrets.token_hex(8)}.json"
    if is_engine_builder(project, builder_name(project, image, machine), machine):
        return Delivery(reference, None, (), metadata)
    if not delivers_through_registry(project.settings):
        return Delivery(reference, None, ("--load",), metadata)
    kind = f"type=image,push=true,compression={project.settings.compression}"
    output = ("--output", f"{kind},oci-mediatypes=true")
    return Delivery(reference, _pushed(project, reference), output, metadata)


def _pushed(project: Project, reference: Reference) -> Reference:
    """The image's own name, or a name in the local registry if it belongs on another host."""
    local = local_registry(project)
    if reference.host == local:
        return reference
    host = reference.host.lower().strip("[]").replace(":", "__")
    return Reference(local, f"staged/{host}/{reference.path}", reference.tag)


def _prepare(project: Project, machine: Machine, steps: list[Node]) -> None:
    """Start what the builds need: the local registry, then the builders."""
    through = any(delivery(project, machine, step.image).pushed for step in steps)
    if through and ensure_registry(project, machine):
        machine.shell.say(f"Started the registry at {local_registry(project)}.")
    for name in dict.fromkeys(builder_name(project, step.image, machine) for step in steps):
        ensure_builder(project, name, machine)


def _build_one(project: Project, machine: Machine, step: Node, options: Options) -> None:
    to, began = delivery(project, machine, step.image), time.time()
    try:
        machine.shell.run(build_command(project, machine, step, options, to))
        _take_into_engine(machine, to)
    except CommandError as failure:
        builder = builder_name(project, step.image, machine)
        reason = why_build_failed(project, machine, step, builder, began, str(failure))
        if reason:
            raise EngineError(f"{step.image.label}: {reason}") from None
        raise CommandError(f"{step.image.label}: {failure}", failure.code) from None
    finally:
        to.metadata.unlink(missing_ok=True)
    places = "the engine and " + to.pushed.host if to.pushed else "the engine"
    if not machine.shell.dry:
        machine.shell.say(f"Built {to.reference}, now in {places}.")


def build_command(
    project: Project, machine: Machine, step: Node, options: Options, to: Delivery
) -> Command:
    """The one command that builds a node and delivers it."""
    return buildx.build(
        builder=builder_name(project, step.image, machine),
        text=step.text,
        context=str(project.context(step.image)),
        reference=str(to.pushed or to.reference),
        options=[
            *_setting_options(project, step.image),
            *_request_options(options),
            *_pairs("--build-arg", project.args(step.image, step.dockerfile).items()),
            *_parent_options(project, machine, step),
            f"--provenance={str(project.settings.provenance).lower()}",
            *("--metadata-file", str(to.metadata)),
            *to.output,
        ],
    )


def _setting_options(project: Project, image: Image) -> Iterator[str]:
    settings = image.settings
    yield from ("--network", settings.network or project.settings.builder.network)
    yield from _pairs("--label", {PROJECT_LABEL: project.namespace, **settings.labels}.items())
    if settings.target:
        yield from ("--target", settings.target)
    if settings.platforms:
        yield from ("--platform", ",".join(settings.platforms))
    for option, values in (
        ("--secret", settings.secrets),
        ("--ssh", settings.ssh),
        ("--add-host", settings.extra_hosts),
        ("--cache-from", settings.cache_from),
        ("--cache-to", settings.cache_to),
    ):
        for value in values:
            yield from (option, value)


def _request_options(options: Options) -> Iterator[str]:
    if options.no_cache:
        yield "--no-cache"
    if options.pull:
        yield "--pull"
    if options.platforms:
        yield from ("--platform", ",".join(options.platforms))


def _parent_options(project: Project, machine: Machine, step: Node) -> Iterator[str]:
    """Where the builder finds parents whose own names point to another host."""
    known = {image.label: image for image in project.images}
    for label in step.parents:
        to = delivery(project, machine, known[label])
        if to.pushed and to.pushed != to.reference:
            yield from ("--build-context", f"{to.reference}=docker-image://{to.pushed}")


def _pairs(option: str, items: Iterable[tuple[str, str]]) -> Iterator[str]:
    for key, value in items:
        yield from (option, f"{key}={value}")


def _take_into_engine(machine: Machine, to: Delivery) -> None:
    """Pull what was pushed, unless the engine holds exactly that image by that name."""
    if to.pushed is None:
        return
    if not machine.shell.dry:
        built = json.loads(to.metadata.read_text()).get("containerimage.config.digest")
        held = machine.daemon.image(str(to.reference))
        if held and built == held.id:
            return
    machine.shell.run_quietly(command("docker", "pull", "--quiet", str(to.pushed)))
    if to.pushed != to.reference:
        names = (str(to.pushed), str(to.reference))
        machine.shell.run_quietly(command("docker", "tag", *names))
        machine.shell.run_quietly(command("docker", "rmi", "--no-prune", names[0]))
