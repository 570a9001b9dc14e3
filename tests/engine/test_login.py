"""A registry behind a password: the person's own docker login is used, and only that."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_world import Folder, World, docker, free_port

# bcrypt of the word `secret`, as htpasswd would write it.
ALICE = "alice:$2b$04$ctJ5h.DuPUzzR3E2t0Cmcu1rTEb8YezGpoji2Ve/OxOTyEjspUoSC\n"
HELPER = """#!/bin/sh
[ "$1" = get ] && echo '{"ServerURL": "x", "Username": "alice", "Secret": "secret"}'
"""


@pytest.fixture
def guarded(folder: Folder, world: World, tmp_path: Path) -> Iterator[tuple[Folder, str]]:
    """A project whose registry wants a password; it is somebody else's, so used as it is."""
    port = free_port()
    users = folder.write("htpasswd", ALICE)
    docker(
        *("run", "--detach", "--name", "ibx-guarded", "-p", f"127.0.0.1:{port}:5000"),
        *("-v", f"{users}:/htpasswd", "-e", "REGISTRY_AUTH=htpasswd"),
        *("-e", "REGISTRY_AUTH_HTPASSWD_REALM=x", "-e", "REGISTRY_AUTH_HTPASSWD_PATH=/htpasswd"),
        "registry:2",
    )
    folder.write(
        "invoke.yaml",
        f"buildx: {{registry: 'localhost:{port}', namespace: {world.namespace}-login}}\n",
    )
    folder.image("tool", "FROM scratch\nCOPY tasks.py /\n")
    yield folder, f"localhost:{port}"
    docker("rm", "--force", "--volumes", "ibx-guarded")
    for name in docker("images", "-q", f"localhost:{port}/{world.namespace}-login/tool").split():
        docker("rmi", "--force", name, check=False)


def configured(folder: Folder, config: dict[str, object]) -> dict[str, str]:
    """The environment of a person with this Docker configuration."""
    folder.write("docker/config.json", json.dumps(config))
    helper = folder.write("bin/docker-credential-ibx", HELPER)
    helper.chmod(0o755)
    path = f"{helper.parent}:{os.environ['PATH']}"
    return {"DOCKER_CONFIG": str(folder.path / "docker"), "PATH": path}


def test_without_a_login_it_fails_loudly(guarded: tuple[Folder, str]) -> None:
    """The build says what is missing, and status says that it cannot know."""
    folder, host = guarded
    environ = configured(folder, {})
    try:
        failed = folder.inv("build", environ=environ, code=1)
        assert "docker buildx build failed" in failed.stderr
        assert f"docker login {host}" in folder.inv("registry.ls", environ=environ, code=1).stderr
    finally:
        folder.inv("builder.rm", environ=environ)


def test_a_credential_helper_is_asked(guarded: tuple[Folder, str]) -> None:
    """By the build, by push and by our own questions; the password is never printed."""
    folder, host = guarded
    environ = configured(folder, {"credHelpers": {host: "ibx"}})
    try:
        built = folder.inv("--echo", "build", environ=environ)
        assert "secret" not in built.stdout + built.stderr
        assert "is there already" in folder.inv("push", environ=environ).stderr
        assert "login/tool" in folder.inv("registry.ls", environ=environ).stdout
    finally:
        folder.inv("builder.rm", environ=environ)
