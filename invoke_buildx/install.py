"""Install and start a Docker engine on Debian and Ubuntu."""

import os
import platform
import time
from pathlib import Path

from invoke_buildx.engine.command import Command, command
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError

APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get")
SOURCES = "/etc/apt/sources.list.d/invoke-buildx.list"
PINS = "/etc/apt/preferences.d/invoke-buildx"
# Bookworm's own engine (20.10) has no buildx; low pins keep all else on bookworm.
NEWER_SUITES = {"trixie": 50, "sid": 40}
BOOKWORM_ENGINE = ("docker.io=26.1.5*", "docker-cli/trixie", "docker-buildx/sid")
LOG = "/var/log/dockerd.log"
STALE_PID_FILES = {
    "/var/run/docker.pid": "dockerd",
    "/var/run/docker/containerd/containerd.pid": "containerd",
}
START_SECONDS = 30


def can_install() -> bool:
    """Whether this is Debian or Ubuntu and we are root."""
    return os.geteuid() == 0 and _release().get("ID") in ("debian", "ubuntu")


def is_bookworm() -> bool:
    """Whether this is Debian 12, whose engine is too old."""
    release = _release()
    return (release.get("ID"), release.get("VERSION_CODENAME")) == ("debian", "bookworm")


def install_engine(machine: Machine) -> None:
    """Install the engine, its command and buildx from the distribution's packages."""
    with machine.shell.progress("installing the Docker engine and buildx"):
        if is_bookworm():
            add_newer_suites(machine)
            install(machine, *BOOKWORM_ENGINE, "tini", "iptables")
        else:
            split = _release().get("ID") == "debian"
            names = ("docker.io", "docker-cli") if split else ("docker.io",)
            install(machine, *names, "docker-buildx", "iptables")


def install(machine: Machine, *packages: str) -> None:
    """Install distribution packages. Raises `CommandError`."""
    machine.shell.run_quietly(command(*APT, "update", "--quiet"))
    machine.shell.run_quietly(
        command(*APT, "install", "--yes", "--quiet", "--no-install-recommends", *packages)
    )


def add_newer_suites(machine: Machine) -> None:
    """Let apt see Debian's newer suites, none of whose packages it takes unless told to."""
    sources = [f"deb http://deb.debian.org/debian {suite} main" for suite in NEWER_SUITES]
    pins = [
        f"Package: *\nPin: release n={suite}\nPin-Priority: {priority}\n"
        for suite, priority in NEWER_SUITES.items()
    ]
    for path, lines in ((SOURCES, sources), (PINS, pins)):
        text = "# Written by invoke-buildx, to install a Docker engine with buildx.\n\n"
        machine.shell.run_quietly(command("tee", path, stdin=text + "\n".join(lines) + "\n"))


def start_engine(machine: Machine) -> None:
    """Start the installed engine and wait until it answers. Raises `EngineError`."""
    with machine.shell.progress("starting the Docker engine"):
        for wanted in start_commands():
            machine.shell.run_quietly(wanted)
        if not machine.shell.dry:
            _await_engine(machine)


def start_commands() -> list[Command]:
    """How to start the engine: by systemd where it runs, else in a session of its own."""
    if Path("/run/systemd/system").is_dir():
        return [command("systemctl", "start", "docker")]
    stale = [path for path, name in STALE_PID_FILES.items() if _is_stale(path, name)]
    remove = [command("rm", "-f", *stale)] if stale else []
    start = f"setsid --fork dockerd >>{LOG} 2>&1 </dev/null"
    return [*remove, command("sh", "-c", start)]


def _await_engine(machine: Machine) -> None:
    for _ in range(START_SECONDS * 10):
        try:
            machine.daemon.version()
        except EngineError:
            time.sleep(0.1)  # dockerd offers nothing to wait on
        else:
            return
    raise EngineError(f"The Docker engine did not start within {START_SECONDS} s. See {LOG}")


def _is_stale(path: str, program: str) -> bool:
    """Whether a pid file is left from a process that was ended from outside."""
    try:
        pid = Path(path).read_text().strip()
    except OSError:
        return False
    try:
        described = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    # A process that has ended stays, as Z, until its parent takes notice.
    return f"({program}) " not in described or f"({program}) Z" in described


def _release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}
