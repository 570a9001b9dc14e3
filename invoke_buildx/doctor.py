"""Check that this machine can build, and mend what may be mended."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from invoke_buildx import install, registry, service, substitutes
from invoke_buildx.builder import ENGINE_DRIVER
from invoke_buildx.delivery import push_as
from invoke_buildx.diagnosis import bases_on_hub, mirror_of
from invoke_buildx.engine.buildx import BUILDER_IMAGE, buildx_problem, buildx_version, numbers
from invoke_buildx.engine.command import command
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import BuildxError, EngineError, UsageError, command_line
from invoke_buildx.hub import engine_has_mirror, hub_answers
from invoke_buildx.project.graph import with_ancestors
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import HUB, Reference

PACKAGES = {"invoke": (3, 0), "jinja2": (3, 1), "docker": (7, 2), "requests": (2,)}
LITTLE_SPACE = 5  # GB; an image, its cache and its copy in the registry want a few
FIX = "doctor --fix"


@dataclass(frozen=True)
class Finding:
    """What one check found: `state` is ok, note or bad, `fix` the command that mends it."""

    name: str
    state: str
    found: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """A question to the machine, and how to mend a bad answer, if we may."""

    name: str
    look: Callable[[], Finding]
    mend: Callable[[], None] | None = None


@dataclass(frozen=True)
class Doctor:
    """The checks of one project on one machine."""

    project: Project
    machine: Machine

    def examine(self, fix: bool) -> Iterator[Finding]:
        """Each finding as soon as it is known, after its mending if `fix`."""
        for check in self._checks():
            finding = self._look(check)
            if fix and finding.state == "bad" and check.mend:
                try:
                    check.mend()
                except BuildxError as failure:
                    finding = Finding(finding.name, "bad", str(failure), finding.fix)
                else:
                    finding = self._look(check)
            yield finding

    def _look(self, check: Check) -> Finding:
        try:
            return check.look()
        except BuildxError as problem:
            return Finding(check.name, "bad", str(problem))

    def _checks(self) -> Iterator[Check]:
        yield Check("packages", self._packages)
        yield Check("identity", self._identity)
        yield Check("docker", self._docker_command, self._install_engine)
        yield Check("engine", self._engine, self._start_engine)
        yield Check("buildx", self._buildx, self._install_engine)
        if not self._engine_answers():
            return
        if self.project.settings.builder.driver != ENGINE_DRIVER:
            yield self._image_check("builder image", BUILDER_IMAGE)
        if self._needs_registry:
            yield self._image_check("registry image", service.IMAGE)
            yield Check("registry", self._registry, self._start_registry)
            cache = registry.cache_service(self.project)
            if cache:
                yield Check("cache", partial(self._cache, cache), self._start_registry)
        for base in self._bases:
            yield Check("base", partial(self._base, base), partial(self._mirror, base))
        yield Check("disk", self._space)

    def _image_check(self, name: str, reference: str) -> Check:
        return Check(name, partial(self._image, name, reference), partial(self._get, reference))

    def _packages(self) -> Finding:
        old = []
        for name, oldest in PACKAGES.items():
            try:
                found = version(name)
            except PackageNotFoundError:
                found = "0"
            if numbers(found) < oldest:
                old.append(f"{name}>={'.'.join(map(str, oldest))}")
        if old:
            return Finding(
                "packages", "bad", f"missing {', '.join(old)}", f"pip install {' '.join(old)}"
            )
        running = ".".join(map(str, sys.version_info[:3]))
        return Finding("packages", "ok", f"Python {running}, invoke {version('invoke')}")

    def _identity(self) -> Finding:
        who = self.project.identity
        found = f"{who.username} ({who.uid}:{who.gid}), {len(who.groups)} more groups"
        if who.through_sudo:
            return Finding("identity", "note", f"{found}, who called sudo")
        if who.uid == 0:
            return Finding("identity", "note", f"{found}; images are built for root")
        return Finding("identity", "ok", found)

    def _docker_command(self) -> Finding:
        path = shutil.which("docker", path=self.machine.environ.get("PATH"))
        if path is None:
            return Finding("docker", "bad", "no docker command", self._install_command())
        return Finding("docker", "ok", path)

    def _engine(self) -> Finding:
        try:
            return Finding("engine", "ok", f"version {self.machine.daemon.version()}")
        except EngineError as problem:
            installed = shutil.which("dockerd") is not None
            fix = command_line(FIX) if installed else self._install_command()
            reason = "installed but stopped" if installed else str(problem)
            return Finding("engine", "bad", reason, fix)

    def _buildx(self) -> Finding:
        problem = buildx_problem(self.machine.shell)
        if problem:
            return Finding("buildx", "bad", problem, self._install_command())
        answer = self.machine.shell.ask(command("docker", "buildx", "version"))
        return Finding("buildx", "ok", f"version {buildx_version(answer)}")

    def _image(self, name: str, reference: str) -> Finding:
        held = self.machine.daemon.image(reference)
        if held is None:
            return Finding(name, "bad", f"{reference} is not in the engine", command_line(FIX))
        origin = ", made from packages" if substitutes.LABEL in held.labels else ""
        return Finding(name, "ok", reference + origin)

    def _registry(self) -> Finding:
        found = registry.registry_state(self.project, self.machine)
        if found.state == "foreign":
            return Finding("registry", "ok", f"{found.host}, not ours, used as it is")
        fix = command_line("registry.up")
        if found.state == "running" and found.differs:
            problem = f"{found.host} runs with other settings, or from an older image"
            return Finding("registry", "note", problem, fix)
        if found.state == "running":
            return Finding("registry", "ok", found.host)
        service.refuse_taken_port(found.host, self.machine)
        return Finding("registry", "bad", f"{found.host} is {found.state}", fix)

    def _cache(self, cache: service.Service) -> Finding:
        if service.service_state(cache, self.machine).state in ("running", "foreign"):
            return Finding("cache", "ok", f"{cache.host} keeps images of {cache.upstream}")
        if not hub_answers(cache.upstream):
            problem = f"{cache.host} cannot start while {cache.upstream} does not answer"
            return Finding("cache", "note", problem)
        return Finding("cache", "bad", f"{cache.host} does not run", command_line("registry.up"))

    def _base(self, base: Reference) -> Finding:
        if not self._needs_registry and self.machine.daemon.image(_short(base)):
            return Finding("base", "ok", f"{_short(base)} in the engine")
        mirror = mirror_of(self.project, self.machine, base) if self._needs_registry else None
        if mirror:
            return Finding("base", "ok", f"{_short(base)} mirrored in {mirror}")
        if self._hub:
            return Finding("base", "ok", f"{_short(base)} on Docker Hub")
        problem = f"{_short(base)}: not mirrored, and Docker Hub cannot be reached"
        can_make = substitutes.maker(_short(base)) or self.machine.daemon.image(_short(base))
        return Finding("base", "bad", problem, command_line(FIX) if can_make else "")

    def _space(self) -> Finding:
        folder = self.machine.daemon.info().get("DockerRootDir", "/")
        if not Path(folder).is_dir():
            return Finding("disk", "note", f"{folder} cannot be seen from here")
        free = shutil.disk_usage(folder).free >> 30
        found = f"{free} GB free at {folder}"
        if free < LITTLE_SPACE:
            return Finding("disk", "bad", f"only {found}", "docker system df")
        return Finding("disk", "ok", found)

    @cached_property
    def _bases(self) -> list[Reference]:
        """The images of Docker Hub that the default image and its parents start from."""
        try:
            chosen = self.project.select([])
        except UsageError:
            chosen = []  # no default image: what will be built is not known
        nodes = with_ancestors(self.project, chosen).values()
        return list(dict.fromkeys(base for entry in nodes for base in bases_on_hub(entry)))

    @property
    def _needs_registry(self) -> bool:
        settings = self.project.settings
        through = registry.delivers_through_registry(settings)
        return through and settings.builder.driver != ENGINE_DRIVER

    @cached_property
    def _hub(self) -> bool:
        return engine_has_mirror(self.machine) or hub_answers()

    def _engine_answers(self) -> bool:
        try:
            self.machine.daemon.version()
        except EngineError:
            return False
        return True

    def _install_command(self) -> str:
        if install.can_install():
            return command_line(FIX)
        return "install Docker Engine with buildx, see https://docs.docker.com/engine/install/"

    def _install_engine(self) -> None:
        if not install.can_install():
            raise EngineError("Installing Docker needs root on Debian or Ubuntu.")
        install.install_engine(self.machine)

    def _start_engine(self) -> None:
        if not shutil.which("dockerd"):
            self._install_engine()
        if not self._engine_answers():
            install.start_engine(self.machine)

    def _start_registry(self) -> None:
        registry.ensure_registry(self.project, self.machine)

    def _get(self, reference: str) -> None:
        """Pull an image, or make it from packages where Docker Hub cannot be reached."""
        if self._hub:
            with self.machine.shell.progress(f"pulling {reference}"):
                self.machine.shell.run_quietly(command("docker", "pull", reference))
            return
        make = substitutes.maker(reference)
        if make is None or not install.can_install():
            raise EngineError(
                f"{reference}: Docker Hub cannot be reached, and it cannot be made from packages"
                " here (that needs root on Debian or Ubuntu)."
            )
        make(self.machine)

    def _mirror(self, base: Reference) -> None:
        """Put a base into the local registry, under the name that builders look for."""
        name = _short(base)
        if self.machine.daemon.image(name) is None:
            self._get(name)
        if not self._needs_registry:
            return
        host = registry.local_registry(self.project)
        push_as(self.machine, name, str(Reference(host, base.path, base.tag)))


def _short(base: Reference) -> str:
    """`debian:bookworm` for docker.io/library/debian:bookworm, as the engine lists it."""
    return str(base).removeprefix(f"{HUB}/").removeprefix("library/")
