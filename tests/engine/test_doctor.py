"""The doctor on a machine that works, and on one that does not."""

import json
import os
import re
import shutil
import socket
from pathlib import Path

import pytest
from engine_world import BASE, Folder, World, docker


def findings(folder: Folder, code: int = 0, **environ: str) -> dict[str, tuple[str, str, str]]:
    """State, finding and fix by the name of the check."""
    rows = json.loads(folder.inv("doctor", "--json", code=code, environ=environ).stdout)
    return {row["name"]: (row["state"], row["found"], row["fix"]) for row in rows}


def test_all_is_well_after_a_fix(folder: Folder) -> None:
    """Every check says what it found, and a second fix changes nothing."""
    folder.image("one", f"FROM {BASE}\n")
    found = findings(folder)
    assert {state for state, _, _ in found.values()} <= {"ok", "note"}
    assert "mirrored" in found["base"][1]
    before = docker("ps", "-aq")
    assert "ok    engine" in folder.inv("doctor", "--fix").stdout
    assert docker("ps", "-aq") == before


def test_a_stopped_engine_is_told_with_the_way_to_start_it(folder: Folder, tmp_path: Path) -> None:
    """Exit code 1, and every other task says the same in one sentence."""
    folder.image("one", f"FROM {BASE}\n")
    environ = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    found = findings(folder, code=1, **environ)
    assert found["engine"][0] == "bad"
    assert found["engine"][2]
    for words in (["build"], ["push"], ["status"], ["run", "--", "true"], ["builder.ls"]):
        if words != ["builder.ls"]:
            failed = folder.inv(*words, code=1, environ=environ)
            assert "No Docker engine answers at" in failed.stderr
            assert "invoke doctor --fix" in failed.stderr


def test_a_missing_docker_command_is_told(folder: Folder, tmp_path: Path) -> None:
    """With one sentence, by every task that needs it."""
    folder.image("one", f"FROM {BASE}\n")
    empty = tmp_path / "bin"
    empty.mkdir()
    (empty / "mkdir").symlink_to(str(shutil.which("mkdir")))
    environ = {"PATH": str(empty)}
    found = findings(folder, code=1, **environ)
    assert found["docker"][:2] == ("bad", "no docker command")
    failed = folder.inv("build", code=1, environ=environ)
    assert "The docker command is not on this machine's PATH." in failed.stderr


def test_an_old_or_missing_buildx_is_told(folder: Folder, tmp_path: Path) -> None:
    """Both are the doctor's finding."""
    folder.image("one", f"FROM {BASE}\n")
    fake = tmp_path / "bin"
    fake.mkdir()
    script = fake / "docker"
    path = f"{fake}:/usr/bin:/bin"
    script.write_text("#!/bin/sh\necho github.com/docker/buildx v0.12.1 abc\n")
    script.chmod(0o755)
    assert "v0.12.1 is too old" in findings(folder, code=1, PATH=path)["buildx"][1]
    script.write_text("#!/bin/sh\nexit 1\n")
    assert findings(folder, code=1, PATH=path)["buildx"][1] == "buildx is not installed"
    failed = folder.inv("build", code=1, environ={"PATH": path}).stderr
    told = "one:latest: buildx is not installed. Install it: invoke doctor --fix"
    assert failed.splitlines()[-1] == told


def test_a_taken_registry_port_is_told(folder: Folder) -> None:
    """Before anybody tries to start a registry on it."""
    folder.image("one", f"FROM {BASE}\n")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        found = findings(folder, code=1, INVOKE_BUILDX_REGISTRY=f"localhost:{port}")
    assert re.match(
        rf"Port {port} is taken by '\w+' \(process {os.getpid()}\)", found["registry"][1]
    )


@pytest.mark.parametrize("base", ["ibx-no-such:1"])
def test_a_base_that_is_nowhere_is_told(folder: Folder, base: str) -> None:
    """Unless Docker Hub answers, which may have it."""
    folder.image("one", f"FROM {base}\n")
    try:
        socket.create_connection(("registry-1.docker.io", 443), 3).close()
    except OSError:
        found = findings(folder, code=1)["base"]
        assert found[:2] == ("bad", f"{base}: not mirrored, and Docker Hub cannot be reached")
    else:
        assert "on Docker Hub" in findings(folder)["base"][1]


def test_broken_settings_are_one_message(folder: Folder, world: World) -> None:
    """Not a finding among others: nothing can be checked without them."""
    folder.write("invoke.yaml", "buildx: {registery: x}\n")
    failed = folder.inv("doctor", code=1)
    assert "buildx.registery is no setting. Did you mean 'registry'?" in failed.stderr
    assert str(folder.path / "invoke.yaml") in failed.stderr
