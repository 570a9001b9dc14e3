"""Starting an engine that was ended from outside, and images made from packages."""

import os
import subprocess
from pathlib import Path

import pytest

from invoke_buildx import install, substitutes
from invoke_buildx.engine.command import Shell
from invoke_buildx.engine.machine import Machine


def test_a_stale_pid_file_is_removed_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose process is gone, or is another program by now; never one that is right."""
    gone, other, right = tmp_path / "gone", tmp_path / "other", tmp_path / "right"
    gone.write_text("999999999")
    other.write_text(str(os.getpid()))
    right.write_text(str(os.getpid()))
    own = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    files = {str(gone): "dockerd", str(other): "dockerd", str(right): own, "/none": "x"}
    monkeypatch.setattr(install, "STALE_PID_FILES", files)
    first, start = install.start_commands()
    assert first.argv == ("rm", "-f", str(gone), str(other))
    assert "dockerd" in start.argv[-1]


def test_a_process_that_has_ended_unnoticed_holds_nothing(tmp_path: Path) -> None:
    """An engine that was killed lingers until its parent has read its exit code."""
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        (tmp_path / "pid").write_text(str(ended.pid))
        assert install._is_stale(str(tmp_path / "pid"), "true")


def test_bookworm_gets_an_engine_with_buildx(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From newer suites with low pins; other releases from their own."""
    release = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
    monkeypatch.setattr(install.platform, "freedesktop_os_release", lambda: release)  # type: ignore[attr-defined]
    install.install_engine(Machine(Shell(dry=True)))
    out = capfd.readouterr().out
    assert "Pin: release n=sid\nPin-Priority: 40" in out
    assert "docker.io=26.1.5*" in out
    release.update(ID="ubuntu", VERSION_CODENAME="noble")
    install.install_engine(Machine(Shell(dry=True)))
    out = capfd.readouterr().out
    assert out.splitlines()[-1].endswith("docker.io docker-buildx iptables")


def test_only_root_on_debian_and_ubuntu_may_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody else is told where to look."""
    release = {"ID": "fedora"}
    monkeypatch.setattr(install.platform, "freedesktop_os_release", lambda: release)  # type: ignore[attr-defined]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert not install.can_install()
    release["ID"] = "debian"
    assert install.can_install()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not install.can_install()


def test_what_can_be_made_from_packages_is_known() -> None:
    """Debian, its registry, BuildKit, and nothing else."""
    names = ["registry:2", "moby/buildkit:buildx-stable-1", "debian:trixie", "debian:bookworm-slim"]
    assert all(substitutes.maker(name) for name in names)
    assert not any(substitutes.maker(name) for name in ("ubuntu:24.04", "debian:12", "debian"))
