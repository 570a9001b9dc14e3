"""Builders as buildx records them, and builders and builds as Commands."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from invoke_buildx.engine.command import Command, Shell, command
from invoke_buildx.engine.daemon import docker_config_folder
from invoke_buildx.project.reference import HUB
from invoke_buildx.project.settings import RegistrySettings

# The builder's own container carries this variable; buildx gives it no labels.
OWNER_VARIABLE = "INVOKE_BUILDX_PROJECT"
BUILDER_IMAGE = "moby/buildkit:buildx-stable-1"
# The first that allows host networking by itself and knows --buildkitd-config.
OLDEST_BUILDX = (0, 13)


@dataclass(frozen=True)
class Builder:
    """A builder as buildx has recorded it; `owner` is the project that made it, if we did."""

    name: str
    driver: str
    options: Mapping[str, str]

    @property
    def owner(self) -> str | None:
        """The project whose tasks created this builder, None for the person's own."""
        return self.options.get(f"env.{OWNER_VARIABLE}")


def buildx_problem(shell: Shell) -> str | None:
    """What is wrong with the installed buildx, None when it can be used."""
    answer = shell.try_ask(command("docker", "buildx", "version"))
    if answer is None:
        return "buildx is not installed"
    found = buildx_version(answer)
    if numbers(found) < OLDEST_BUILDX:
        return f"buildx {found} is too old, {'.'.join(map(str, OLDEST_BUILDX))} is needed"
    return None


def buildx_version(answer: str) -> str:
    """The version in the answer of `docker buildx version`."""
    return [*answer.split(), "0", "0"][1]


def numbers(version: str) -> tuple[int, ...]:
    """`v0.29.1+ds1` -> (0, 29): major and minor version."""
    words = version.lstrip("v").replace("-", ".").replace("+", ".").split(".")
    return tuple(int(word) for word in words[:2] if word.isdecimal())


def recorded_builders(environ: Mapping[str, str]) -> list[Builder]:
    """Every builder of this user, by name; a file read is 100 times faster than asking buildx."""
    folder = _instances(environ)
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    found = (recorded_builder(name, environ) for name in names)
    return [builder for builder in found if builder]


def recorded_builder(name: str, environ: Mapping[str, str]) -> Builder | None:
    """The builder of that name, None when buildx knows none (its record: buildx store)."""
    try:
        record = json.loads((_instances(environ) / name).read_text())
        options = (record.get("Nodes") or [{}])[0].get("DriverOpts") or {}
        return Builder(record["Name"], record["Driver"], options)
    except (OSError, ValueError, KeyError):
        return None


def _instances(environ: Mapping[str, str]) -> Path:
    configured = environ.get("BUILDX_CONFIG")
    folder = Path(configured) if configured else docker_config_folder(environ) / "buildx"
    return folder / "instances"


def builder_container(name: str) -> str:
    """The container in which a docker-container builder's first node runs."""
    return f"buildx_buildkit_{name}0"


def buildkitd_toml(mirrors: Sequence[str], reached: Mapping[str, RegistrySettings]) -> str:
    """The builder's configuration: host networking allowed, Docker Hub mirrored on this machine.

    `reached` says how each registry is reached that is not as usual; buildx takes the files along
    into the builder.
    """
    lines = ["# Written by invoke-buildx.", 'insecure-entitlements = ["network.host"]']
    if mirrors:
        lines += ["", f'[registry."{HUB}"]', f"  mirrors = {json.dumps(list(mirrors))}"]
    for host, access in reached.items():
        lines += ["", f'[registry."{host}"]', f"  http = {json.dumps(access.http)}"]
        if access.ca:
            lines.append(f"  ca = {json.dumps([access.ca])}")
        if access.cert:
            lines.append(f'  [[registry."{host}".keypair]]')
            lines.append(f"    cert = {json.dumps(access.cert)}")
            lines.append(f"    key = {json.dumps(access.key or access.cert)}")
    return "\n".join(lines) + "\n"


def create_builder(name: str, network: str, owner: str, config: Path) -> Command:
    """Create and start a docker-container builder; never `--use`, which is the person's choice."""
    return command(
        *("docker", "buildx", "create", "--name", name),
        *("--driver", "docker-container", "--bootstrap"),
        *("--driver-opt", f"network={network}"),
        *("--driver-opt", f"env.{OWNER_VARIABLE}={owner}"),
        # buildx reads this file twice, so standard input cannot take its place.
        *("--buildkitd-config", str(config)),
    )


def remove_builder(name: str) -> Command:
    """Remove a builder with its container and its cache."""
    return command("docker", "buildx", "rm", "--force", name)


def build(
    *, builder: str, text: str, context: str, reference: str, options: Iterable[str]
) -> Command:
    """The seed's build: the Dockerfile on standard input, everything else as arguments."""
    return command(
        *("docker", "buildx", "build", "--builder", builder),
        *options,
        *("-t", reference, "-f", "-", context),
        stdin=text,
        stdin_name="DOCKERFILE",
    )


def bake(*, builder: str, definition: str, options: Iterable[str]) -> Command:
    """Several builds in one call: the definition, JSON, on standard input."""
    return command(
        *("docker", "buildx", "bake", "--builder", builder),
        *options,
        *("-f", "-"),
        stdin=definition,
        stdin_name="BAKE",
    )
