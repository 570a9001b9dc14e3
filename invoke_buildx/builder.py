"""Builders of a project: which one an image is built on, created when it is missing."""

from pathlib import Path

from invoke_buildx.engine.buildx import (
    OWNER_VARIABLE,
    Builder,
    builder_container,
    buildkitd_toml,
    create_builder,
    recorded_builder,
    recorded_builders,
    remove_builder,
)
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import CommandError, EngineError, UsageError, command_line, nearest
from invoke_buildx.project.images import Image
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import image_builder_name, project_builder_name
from invoke_buildx.registry import mirrors, reached

ENGINE_DRIVER = "docker"
OVERRIDE = "BUILDX_BUILDER"


def builder_name(project: Project, image: Image, machine: Machine) -> str:
    """The builder that builds this image; BUILDX_BUILDER wins over the name we derive."""
    override = machine.environ.get(OVERRIDE)
    if override:
        return override
    if project.settings.builder.driver == ENGINE_DRIVER:
        return machine.context
    if project.settings.builder.scope == "image":
        return image_builder_name(image.reference)
    return project_builder_name(project.namespace)


def is_engine_builder(project: Project, name: str, machine: Machine) -> bool:
    """Whether builds on that builder end in the engine itself, with nothing to transfer."""
    if name in ("default", machine.context):
        return True
    return (machine.driver(name) or project.settings.builder.driver) == ENGINE_DRIVER


def ensure_builder(project: Project, name: str, machine: Machine) -> bool:
    """Create the builder unless it is there; True if it was created.

    Raises `EngineError` when a builder of that name is not ours.
    """
    if name == machine.environ.get(OVERRIDE):
        machine.shell.say(f"Using builder '{name}', since {OVERRIDE} says so.")
        return False
    if is_engine_builder(project, name, machine):
        return False
    with machine.alone(f"builder-{name}"):
        recorded = recorded_builder(name, machine.environ)
        if recorded:
            _refuse_foreign(recorded.owner, project, name)
            _remark_if_outdated(project, name, machine)
            return False
        _refuse_foreign(_container_owner(name, project, machine), project, name)
        _create(project, name, machine)
    return True


def project_builders(project: Project, machine: Machine) -> list[tuple[Builder, str]]:
    """This project's builders, each with the state of its container."""
    found = []
    for builder in recorded_builders(machine.environ):
        if builder.owner == project.namespace:
            container = machine.daemon.container(builder_container(builder.name))
            state = container["State"]["Status"] if container else "no container"
            found.append((builder, state))
    return found


def remove_builders(project: Project, names: list[str], machine: Machine) -> list[str]:
    """Remove builders of this project, all if none is named; the names that were removed."""
    ours = [builder.name for builder, _ in project_builders(project, machine)]
    for name in names:
        if name not in ours:
            raise UsageError(
                f"'{name}' is no builder of project '{project.namespace}'.{nearest(name, ours)}"
            )
    for name in names or ours:
        machine.shell.run_quietly(remove_builder(name))
    return names or ours


def _create(project: Project, name: str, machine: Machine) -> None:
    settings = project.settings.builder
    if settings.config:
        config = project.root / settings.config
        if not config.is_file():
            raise EngineError(f"buildx.builder.config: there is no file {config}.")
    else:
        config = _config_path(name, machine)
        machine.write(config, _config(project))
    try:
        with machine.shell.progress(f"creating builder '{name}'"):
            machine.shell.run_quietly(
                create_builder(name, settings.network, project.namespace, config)
            )
    except BaseException as failure:
        # Half a builder would be taken for a whole one by the next run.
        if recorded_builder(name, machine.environ):
            machine.shell.try_ask(remove_builder(name))
        if not isinstance(failure, CommandError):
            raise
        hint = f"What this machine lacks: {command_line('doctor')}"
        raise EngineError(f"{failure}\n{hint}") from None


def _config_path(name: str, machine: Machine) -> Path:
    return machine.cache / f"{name}.toml"


def _config(project: Project) -> str:
    return buildkitd_toml(mirrors(project), reached(project))


def _remark_if_outdated(project: Project, name: str, machine: Machine) -> None:
    """A builder keeps the settings with which it was created, and its cache is worth a lot."""
    try:
        had = _config_path(name, machine).read_text()
    except OSError:
        return
    if project.settings.builder.config is None and had != _config(project):
        machine.shell.say(
            f"Builder '{name}' was created with other settings of registries. To have it know"
            f" these, at the price of its cache: {command_line('builder.rm builder.create')}"
        )


def _container_owner(name: str, project: Project, machine: Machine) -> str | None:
    """Whose builder container of that name is in the engine; this project's if there is none."""
    container = machine.daemon.container(builder_container(name))
    if container is None:
        return project.namespace
    variables = dict(word.partition("=")[::2] for word in container["Config"]["Env"] or ())
    return variables.get(OWNER_VARIABLE)


def _refuse_foreign(owner: str | None, project: Project, name: str) -> None:
    if owner == project.namespace:
        return
    whose = f"belongs to project '{owner}'" if owner else "was not created by this tool"
    raise EngineError(
        f"The builder '{name}' {whose}, so it is left alone. Choose another buildx.namespace,"
        f" use it as it is with {OVERRIDE}={name}, or remove it: docker buildx rm {name}"
    )
