"""Which engine is asked, and what is said when it does not answer."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from invoke_buildx.engine.daemon import Daemon, active_context
from invoke_buildx.errors import EngineError


def test_the_context_is_found_as_the_docker_command_finds_it(tmp_path: Path) -> None:
    """DOCKER_HOST, then DOCKER_CONTEXT, then the configuration."""
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "far"}))
    environ = {"DOCKER_CONFIG": str(tmp_path)}
    assert active_context(environ) == "far"
    assert active_context({**environ, "DOCKER_CONTEXT": "other"}) == "other"
    assert active_context({**environ, "DOCKER_HOST": "tcp://x"}) == "default"
    assert active_context({"HOME": str(tmp_path)}) == "default"
    (tmp_path / "config.json").write_text("{")
    assert active_context(environ) == "default"


def test_an_engine_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Whether it is asked over the socket or through the SDK."""
    with pytest.raises(EngineError, match=r"No Docker engine answers at .*doctor --fix"):
        Daemon({"DOCKER_HOST": f"unix://{tmp_path}/x"}).version()
    with pytest.raises(EngineError, match="context 'default' does not answer"):
        Daemon({"DOCKER_HOST": "tcp://127.0.0.1:9"}).version()


def test_a_forbidden_socket_names_its_group(tmp_path: Path) -> None:
    """And how to join it. Root may do everything, so the question is asked by another."""
    path = tmp_path / "docker.sock"
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        os.chown(path, 0, 105)
        path.chmod(0o660)
        code = (
            "import os, sys; from invoke_buildx.engine.daemon import Daemon\n"
            "daemon = Daemon({'DOCKER_HOST': 'unix://' + sys.argv[1]})\n"
            "os.setgroups([]); os.setgid(4343); os.setuid(4242)\n"
            "try: daemon.version()\nexcept Exception as problem: print(problem)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )
    assert "it belongs to the group" in done.stdout
    assert "usermod -aG" in done.stdout
