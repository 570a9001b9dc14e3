"""One image by one `docker buildx build`, with BuildKit's own progress passing through."""

import json
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from invoke_buildx.builder import builder_name
from invoke_buildx.delivery import delivery, take_into_engine
from invoke_buildx.diagnosis import why_build_failed
from invoke_buildx.engine import buildx
from invoke_buildx.engine.command import Command, command
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import CommandError, EngineError
from invoke_buildx.plan import Options, Step
from invoke_buildx.project.fingerprint import short_hash
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import familiar, familiar_name, slug
from invoke_buildx.service import PROJECT_LABEL


def build_one(project: Project, machine: Machine, step: Step, options: Options) -> None:
    """Build and deliver one image. Raises `CommandError` or, where the cause is known, more."""
    began = time.time()
    metadata = Path(tempfile.gettempdir()) / f"invoke-buildx-{secrets.token_hex(8)}.json"
    try:
        context = context_path(project, machine, step)
        machine.shell.run(build_command(project, machine, step, options, context, metadata))
        digest = None if machine.shell.dry else config_digest(json.loads(metadata.read_text()))
        take_into_engine(machine, {step.to: digest})
    except CommandError as failure:
        builder = builder_name(project, step.node.image, machine)
        reason = why_build_failed(project, machine, step.node, builder, began, str(failure))
        if reason:
            raise EngineError(f"{step.label}: {reason}") from None
        raise CommandError(f"{step.label}: {failure}", failure.code) from None
    finally:
        metadata.unlink(missing_ok=True)


def build_command(
    project: Project, machine: Machine, step: Step, options: Options, context: str, metadata: Path
) -> Command:
    """The one command that builds an image and delivers it."""
    image = step.node.image
    output = {"registry": ("--output", str(step.to.output)), "load": ("--load",), "engine": ()}
    contexts = parent_contexts(project, machine, step)
    return buildx.build(
        builder=builder_name(project, image, machine),
        text=step.node.text,
        context=context,
        reference=str(step.to.found),
        options=[
            *_setting_options(project, image),
            *(("--no-cache",) if options.no_cache else ()),
            *(("--pull",) if options.pull else ()),
            *_pairs("--build-arg", project.args(image, step.node.dockerfile).items()),
            *_pairs("--build-context", contexts.items()),
            *_pairs("--label", image_labels(project, step).items()),
            f"--provenance={str(project.settings.provenance).lower()}",
            *("--metadata-file", str(metadata)),
            *output[step.to.kind],
        ],
    )


def image_labels(project: Project, step: Step) -> dict[str, str]:
    """Every label of an image: whose it is, what it is made of, and what the settings say."""
    ours = {PROJECT_LABEL: project.namespace, **step.parts.labels()}
    return {**ours, **step.node.image.settings.labels}


def parent_contexts(project: Project, machine: Machine, step: Step) -> dict[str, str]:
    """Where the builder finds parents that it would not find by the name in the text."""
    known = {image.label: image for image in project.images}
    contexts = {}
    for written, label in step.node.links.items():
        to = delivery(project, machine, known[label])
        if familiar(to.found) != familiar_name(written):
            pin = f"@{step.pinned[label]}" if label in step.pinned else ""
            contexts[familiar_name(written)] = f"docker-image://{to.found}{pin}"
    return contexts


def context_path(project: Project, machine: Machine, step: Step) -> str:
    """The context folder by a path of the image's own.

    BuildKit keeps one synced copy a path, so two images that copy different files of one
    folder by the same path would evict each other's (measured: 4.5 s instead of 0.5 s).
    """
    folder = project.context(step.node.image)
    if not step.node.dockerfile.sources:
        return str(folder)
    name = f"{slug(step.label)[:80]}-{short_hash(f'{folder} {step.label}')}"
    link = machine.cache / "contexts" / name
    if not (link.is_symlink() and link.readlink() == folder):
        machine.shell.run_quietly(command("mkdir", "-p", str(link.parent)))
        machine.shell.run_quietly(command("ln", "-sfn", str(folder), str(link)))
    return f"{link}/"


def config_digest(metadata: dict[str, str]) -> str | None:
    """The digest of the built image's configuration, from what buildx says of one image."""
    return metadata.get("containerimage.config.digest")


def _setting_options(project: Project, image: Image) -> Iterator[str]:
    settings = image.settings
    yield from ("--network", settings.network or project.settings.builder.network)
    if settings.target:
        yield from ("--target", settings.target)
    platforms = project.platforms_of(image)
    if platforms:
        yield from ("--platform", ",".join(platforms))
    for option, values in (
        ("--secret", settings.secrets),
        ("--ssh", settings.ssh),
        ("--add-host", settings.extra_hosts),
        ("--cache-from", settings.cache_from),
        ("--cache-to", settings.cache_to),
    ):
        for value in values:
            yield from (option, value)


def _pairs(option: str, items: Iterable[tuple[str, str]]) -> Iterator[str]:
    for key, value in items:
        yield from (option, f"{key}={value}")
