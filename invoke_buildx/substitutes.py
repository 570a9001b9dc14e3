"""Images that normally come from Docker Hub, made from packages where it cannot be reached."""

import shutil
import tempfile
from collections.abc import Callable

from invoke_buildx.engine.buildx import BUILDER_IMAGE
from invoke_buildx.engine.command import command
from invoke_buildx.engine.daemon import active_context
from invoke_buildx.engine.machine import Machine
from invoke_buildx.install import add_newer_suites, install, is_bookworm

REGISTRY_IMAGE = "registry:2"
LABEL = "invoke-buildx.made-from-packages"
BASE = "debian:bookworm"
SUITES = ("bullseye", "bookworm", "trixie")
BUILDKIT = "github.com/moby/buildkit"
BUILDKIT_VERSION = "v0.25.1"
GO_OF_TRIXIE = "/usr/lib/go-1.24/bin/go"

REGISTRY_DOCKERFILE = f"""\
FROM {BASE}
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates docker-registry \\
    && rm -rf /var/lib/apt/lists/*
COPY config.yml /etc/docker/registry/config.yml
VOLUME /var/lib/registry
EXPOSE 5000
ENTRYPOINT ["docker-registry"]
CMD ["serve", "/etc/docker/registry/config.yml"]
"""

# Debian's own configuration keeps the data elsewhere and asks for a password.
REGISTRY_CONFIG = """\
version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: true
http:
  addr: :5000
"""

BUILDKIT_DOCKERFILE = f"""\
FROM {BASE}
RUN apt-get update && apt-get install -y --no-install-recommends \\
    ca-certificates git openssh-client runc && rm -rf /var/lib/apt/lists/*
COPY buildkitd buildctl /usr/bin/
VOLUME /var/lib/buildkit
ENTRYPOINT ["buildkitd"]
"""


def maker(reference: str) -> Callable[[Machine], None] | None:
    """The function that makes that image from packages, None when nobody can."""
    if reference == REGISTRY_IMAGE:
        return make_registry
    if reference == BUILDER_IMAGE:
        return make_buildkit
    name, _, suite = reference.partition(":")
    if name == "debian" and suite.removesuffix("-slim") in SUITES:
        return lambda machine: make_base(machine, reference)
    return None


def make_base(machine: Machine, reference: str = BASE) -> None:
    """A minimal Debian image, assembled from Debian's archive."""
    suite = reference.partition(":")[2].removesuffix("-slim")
    with machine.shell.progress(f"making {reference} from Debian's packages"):
        if not shutil.which("mmdebstrap"):
            install(machine, "mmdebstrap")
        with tempfile.TemporaryDirectory() as folder:
            archive = f"{folder}/base.tar"
            machine.shell.run_quietly(command("mmdebstrap", "--variant=minbase", suite, archive))
            machine.shell.run_quietly(
                command(
                    *("docker", "import", "--change", 'CMD ["bash"]'),
                    *("--change", f"LABEL {LABEL}={reference}", archive, reference),
                )
            )


def make_registry(machine: Machine) -> None:
    """The registry program of Debian, as the image that everybody calls registry:2."""
    _need_base(machine)
    doing = machine.shell.progress(f"making {REGISTRY_IMAGE} from Debian's packages")
    with doing, tempfile.TemporaryDirectory() as folder:
        _write(machine, f"{folder}/config.yml", REGISTRY_CONFIG)
        _build(machine, REGISTRY_IMAGE, REGISTRY_DOCKERFILE, folder)


def make_buildkit(machine: Machine) -> None:
    """BuildKit compiled from its Go module, as the image that buildx starts builders from."""
    _need_base(machine)
    with machine.shell.progress(f"making {BUILDER_IMAGE} from its Go module (a minute)"):
        go = _go(machine)
        with tempfile.TemporaryDirectory() as folder:
            _write(machine, f"{folder}/go.mod", "module builder\n\ngo 1.24\n")
            programs = [f"{BUILDKIT}/cmd/{name}" for name in ("buildkitd", "buildctl")]
            # `go install …@version` refuses: BuildKit's own go.mod excludes some versions.
            wanted = [f"{program}@{BUILDKIT_VERSION}" for program in programs]
            machine.shell.run_quietly(command(go, "-C", folder, "get", "-tool", *wanted))
            machine.shell.run_quietly(
                command(
                    *("env", "CGO_ENABLED=0", go, "-C", folder, "build", "-trimpath"),
                    *(
                        "-ldflags",
                        f"-s -w -X {BUILDKIT}/version.Version={BUILDKIT_VERSION}",
                        "-o",
                        f"{folder}/",
                        *programs,
                    ),
                )
            )
            _build(machine, BUILDER_IMAGE, BUILDKIT_DOCKERFILE, folder)


def _need_base(machine: Machine) -> None:
    if machine.daemon.image(BASE) is None:
        make_base(machine)


def _go(machine: Machine) -> str:
    found = shutil.which("go")
    if found:
        return found
    if not is_bookworm():
        install(machine, "golang-go")
        return "go"
    add_newer_suites(machine)
    install(machine, "golang-1.24-go/trixie", "golang-1.24-src/trixie")
    return GO_OF_TRIXIE


def _write(machine: Machine, path: str, text: str) -> None:
    machine.shell.run_quietly(command("tee", path, stdin=text))


def _build(machine: Machine, reference: str, text: str, context: str) -> None:
    """Build with the engine's own builder, which needs no image from Docker Hub."""
    machine.shell.run_quietly(
        command(
            *("docker", "buildx", "build", "--builder", active_context(machine.environ)),
            *("--network", "host", "--label", f"{LABEL}={reference}"),
            *("--tag", reference, "--file", "-", context),
            stdin=text,
            stdin_name="DOCKERFILE",
        )
    )
