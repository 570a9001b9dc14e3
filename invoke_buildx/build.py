"""Build what changed, parents first, and deliver each image to where it is needed."""

import hashlib
from collections.abc import Iterable

from invoke_buildx.builder import builder_name, ensure_builder
from invoke_buildx.delivery import give_to_registry, take_into_engine
from invoke_buildx.engine.machine import Machine
from invoke_buildx.outcome import Outcome
from invoke_buildx.plan import Options, Plan, Step, files_of, make_plan
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project
from invoke_buildx.registry import ensure_registry, local_registry


def build(
    project: Project, machine: Machine, images: Iterable[Image], options: Options, times: int = 2
) -> Outcome:
    """Build these images and what they are made from, as far as anything has changed.

    What changes while it is built is built again, `times` in all. Raises `BuildxError` before
    anything is touched; what fails later is in the outcome.
    """
    wanted = list(images)
    plan = make_plan(project, machine, wanted, options)
    if plan.is_done:
        return Outcome(plan)
    with machine.alone(_lock(project)) as waited:
        if _prepare(project, machine, plan) or waited:
            # Another run may have done it meanwhile, and a registry that runs now may hold it.
            plan = make_plan(project, machine, wanted, options)
        outcome = _act(project, machine, plan, options)
    changed = [step.label for step in outcome.built if _has_changed(project, step)]
    if not changed or machine.shell.dry or times < 2:
        return outcome
    machine.shell.say(f"Files changed while these were built: {', '.join(changed)}.")
    return build(project, machine, wanted, options, times - 1)


def _has_changed(project: Project, step: Step) -> bool:
    """Whether the label of an image that was just built may say more than is true."""
    return files_of(project, step.node) != step.parts.files


def _act(project: Project, machine: Machine, plan: Plan, options: Options) -> Outcome:
    pushes, pulls = plan.doing("push"), plan.doing("pull")
    give_to_registry(machine, [step.to for step in pushes])
    take_into_engine(machine, {step.to: None for step in pulls})
    outcome = Outcome(plan, moved=[*pushes, *pulls])
    steps = plan.doing("build")
    if not steps:
        return outcome
    # An image that is current, the common case, is told so without these imports.
    from invoke_buildx.several import build_several
    from invoke_buildx.single import build_one

    for step in steps if not machine.shell.dry else ():
        machine.shell.say(f"Building {step.label}: {'; '.join(step.reasons)}.")
    if len(steps) == 1 and not _needs_bake(steps[0]):
        build_one(project, machine, steps[0], options)
        outcome.built.append(steps[0])
    else:
        build_several(project, machine, options, outcome)
    return outcome


def _needs_bake(step: Step) -> bool:
    """Whether only bake can hand over the parents: no registry holds them."""
    return step.to.kind == "load" and bool(step.node.parents)


def _prepare(project: Project, machine: Machine, plan: Plan) -> bool:
    """Start what the work needs: the local registry, then the builders. Whether that is new."""
    if project.identity.through_sudo:
        who = project.identity
        machine.shell.say(f"Building for {who.username} (uid {who.uid}), who called sudo.")
    work = plan.doing("build", "push", "pull")
    through = any(step.to.kind == "registry" for step in work)
    started = through and ensure_registry(project, machine)
    if started and not machine.shell.dry:
        machine.shell.say(f"Started the registry at {local_registry(project)}.")
    building = [step.node.image for step in plan.doing("build")]
    for name in dict.fromkeys(builder_name(project, image, machine) for image in building):
        ensure_builder(project, name, machine)
    return started and not machine.shell.dry


def _lock(project: Project) -> str:
    """One name for all builds of a project, which would else do the same work twice."""
    place = f"{project.settings.registry}/{project.namespace}"
    return f"build-{hashlib.sha256(place.encode()).hexdigest()[:16]}"
