"""Show a registry to a person: as one file, by a server of ours, or by the seed's container."""

import secrets
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from invoke_buildx.engine.command import Command, command
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError
from invoke_buildx.page import registry_page
from invoke_buildx.project.project import Project
from invoke_buildx.serving import Site, serve
from invoke_buildx.shown import read_shown

BROWSER_IMAGE = "klausmeyer/docker-registry-browser"
BROWSER_PORT = 8080
KEY = "SECRET_KEY_BASE"  # what that program signs its sessions with


def export_page(project: Project, machine: Machine, registry: Registry, path: Path) -> None:
    """Write the page of a registry to one file, nothing when dry. Raises `EngineError`."""
    if machine.shell.dry:
        return
    with machine.shell.progress(f"reading {registry.host}"):
        page = registry_page(read_shown(project, machine, registry))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page)
    except OSError as problem:
        raise EngineError(f"{path} cannot be written ({problem.strerror}).") from None


def serve_pages(project: Project, machine: Machine, registry: Registry, port: int) -> None:
    """Serve the pages of a registry until Ctrl-C, opened in the browser where there is one."""
    site = Site(project, machine, registry)

    def ready(address: str) -> None:
        machine.shell.say(
            f"{registry.host} is shown at {address}/{site.secret}/ until Ctrl-C. Whoever knows"
            " this address can delete images."
        )
        if has_screen(machine.environ):
            webbrowser.open(f"{address}/{site.ticket}")

    if machine.shell.dry:
        return
    with machine.shell.progress(f"reading {registry.host}"):
        site.read()
    with suppress(KeyboardInterrupt):
        serve(site, port, ready)


def has_screen(environ: Mapping[str, str]) -> bool:
    """Whether a browser can open; one in text mode would take the terminal."""
    return any(environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def run_browser_container(machine: Machine, registry: Registry, port: int) -> None:
    """Run the seed's registry browser until Ctrl-C, reachable from this machine only."""
    port = port or BROWSER_PORT
    machine.shell.say(
        f"{registry.host} will be shown at http://127.0.0.1:{port}/ until Ctrl-C, by the image"
        f" {BROWSER_IMAGE}."
    )
    machine.shell.run(
        browser_container(registry.transport.base, port), **{KEY: secrets.token_hex(64)}
    )


def browser_container(address: str, port: int) -> Command:
    """Start that program for a registry's address; it takes its key from our environment."""
    return command(
        *("docker", "run", "--rm", "--init", "--network", "host"),
        *("--env", "ADDRESS=127.0.0.1", "--env", f"PORT={port}", "--env", KEY),
        *("--env", f"DOCKER_REGISTRY_URL={address}", BROWSER_IMAGE),
    )
