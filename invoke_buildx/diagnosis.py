"""Why a build failed, where the reason lies outside its Dockerfile."""

import shutil
from pathlib import Path

from invoke_buildx.engine.buildx import builder_container, buildx_problem
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError, command_line
from invoke_buildx.hub import hub_answers
from invoke_buildx.project.graph import Node
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import HUB, Reference, parse_reference
from invoke_buildx.registry import local_registry, quick_mirrors, registry_at

FULL = 64 * 1024 * 1024  # bytes; below this a layer can hardly be written
NO_SPACE = "no space left on device"


def why_build_failed(
    project: Project, machine: Machine, step: Node, builder: str, began: float, failure: str
) -> str | None:
    """One sentence with the next command, None when BuildKit's own output says it all.

    `began` is when the build did, in seconds since 1970; `failure` is what is known already.
    """
    return machine_problem(machine, builder, began, failure) or base_problem(project, machine, step)


def machine_problem(machine: Machine, builder: str, began: float, failure: str) -> str | None:
    """What would make every other build fail as well."""
    return (
        _lost_engine(machine)
        or _unusable_buildx(machine)
        or _full_disk(machine, builder, began, failure)
    )


def bases_on_hub(step: Node) -> list[Reference]:
    """The images of Docker Hub that a node is made from."""
    references = (parse_reference(name).canonical() for name in step.dockerfile.images)
    return [reference for reference in references if reference.host == HUB]


def mirror_of(project: Project, machine: Machine, base: Reference) -> str | None:
    """Which registry of this machine has that image of Docker Hub, as builders look for it."""
    wanted = base.digest or base.tag or "latest"
    for host in quick_mirrors(project):
        try:
            if registry_at(project, machine, host).digest(base.path, wanted):
                return host
        except EngineError:
            continue
    return None


def _lost_engine(machine: Machine) -> str | None:
    try:
        machine.daemon.version()
    except EngineError as problem:
        return f"the engine went away meanwhile. {problem}"
    return None


def _unusable_buildx(machine: Machine) -> str | None:
    problem = buildx_problem(machine.shell)
    return f"{problem}. Install it: {command_line('doctor --fix')}" if problem else None


def _full_disk(machine: Machine, builder: str, began: float, failure: str) -> str | None:
    """BuildKit may have given the space back by now, but its builder has written of it."""
    try:
        folder = machine.daemon.info().get("DockerRootDir", "/")
        log = machine.daemon.log(builder_container(builder), began)
        free = shutil.disk_usage(folder).free if Path(folder).is_dir() else FULL + 1
    except (EngineError, OSError):
        return None
    if free > FULL and NO_SPACE not in log.lower() and NO_SPACE not in failure.lower():
        return None
    return (
        f"the disk is full ({free >> 20} MB free at {folder} now)."
        " See what takes it: docker system df;"
        f" free the build cache: docker buildx prune --builder {builder}"
    )


def base_problem(project: Project, machine: Machine, step: Node) -> str | None:
    """Which of the images that this one is made from cannot be had."""
    missing = [base for base in bases_on_hub(step) if not mirror_of(project, machine, base)]
    if not missing or hub_answers():
        return None
    names = ", ".join(str(base) for base in missing)
    return (
        f"Docker Hub cannot be reached and {local_registry(project)} has no copy of {names}."
        f" See which bases can be made from packages: {command_line('doctor --fix')}"
    )
