"""Builders: created once, never anybody else's, removed on demand."""

import json
import os
import signal

from engine_world import Folder, World, docker


def test_create_list_and_remove(folder: Folder, world: World) -> None:
    """scope: image gives each image the seed's builder."""
    folder.image("one", "FROM scratch\nCOPY tasks.py /\n")
    environ = {"INVOKE_BUILDX_BUILDER_SCOPE": "image"}
    name = f"{world.namespace}__one__latest"
    try:
        assert f"'{name}' is created" in folder.inv("builder.create", environ=environ).stderr
        assert f"'{name}' is there" in folder.inv("builder.create", environ=environ).stderr
        rows = json.loads(folder.inv("builder.ls", "--json").stdout)
        assert {"name": name, "driver": "docker-container", "state": "running"} in rows
        toml = docker("exec", f"buildx_buildkit_{name}0", "cat", "/etc/buildkit/buildkitd.toml")
        assert "network.host" in toml
        assert world.registry in toml
        assert f"--builder {name}" in folder.inv("--dry", "build", environ=environ).stdout
    finally:
        removed = folder.inv("builder.rm", "--name", name)
    assert f"Removed builder '{name}'" in removed.stderr
    assert docker("ps", "-aq", "--filter", f"name=buildx_buildkit_{name}0") == ""


def test_a_builder_that_is_not_ours_is_left_alone(folder: Folder) -> None:
    """Neither used, nor removed; and the message says how to use it all the same."""
    folder.image("one", "FROM scratch\nCOPY tasks.py /\n")
    docker("buildx", "create", "--name", "ibx-foreign", "--driver", "docker-container")
    environ = {"INVOKE_BUILDX_NAMESPACE": "ibx-foreign"}
    try:
        failed = folder.inv("build", environ=environ, code=1)
        assert "The builder 'ibx-foreign' was not created by this tool" in failed.stderr
        assert "is no builder of project" in (
            folder.inv("builder.rm", "--name", "ibx-foreign", environ=environ, code=2).stderr
        )
        used = folder.inv("--dry", "build", environ={**environ, "BUILDX_BUILDER": "ibx-foreign"})
        assert "--builder ibx-foreign" in used.stdout
        assert "since BUILDX_BUILDER says so" in used.stderr
    finally:
        docker("buildx", "rm", "ibx-foreign")


def test_a_builder_that_cannot_be_created_leaves_nothing(folder: Folder) -> None:
    """A configuration that BuildKit refuses ends with its words and no half builder."""
    folder.image("one", "FROM scratch\nCOPY tasks.py /\n")
    folder.write("bad.toml", "insecure-entitlements = 7\n")
    environ = {
        "INVOKE_BUILDX_NAMESPACE": "ibx-half",
        "INVOKE_BUILDX_BUILDER_CONFIG": "bad.toml",
    }
    failed = folder.inv("builder.create", environ=environ, code=1)
    assert "docker buildx create failed" in failed.stderr
    assert "ibx-half" not in docker("buildx", "ls", "--format", "{{.Name}}")
    assert docker("ps", "-aq", "--filter", "name=buildx_buildkit_ibx-half0") == ""


def test_an_interrupted_creation_leaves_no_builder(folder: Folder) -> None:
    """Neither a record nor a container; the exit code is 130."""
    folder.image("one", "FROM scratch\nCOPY tasks.py /\n")
    environ = {"INVOKE_BUILDX_NAMESPACE": "ibx-cut"}
    with folder.started("builder.create", until=b"creating builder", environ=environ) as running:
        os.killpg(running.pid, signal.SIGINT)
        assert running.stderr
        assert running.stderr.read().decode().splitlines()[-1] == "Interrupted."
    assert running.returncode == 130
    assert "ibx-cut" not in docker("buildx", "ls", "--format", "{{.Name}}")
    assert docker("ps", "-aq", "--filter", "name=buildx_buildkit_ibx-cut0") == ""
