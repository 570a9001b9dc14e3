"""The local registry: up, down, its data, a taken port, somebody else's."""

import http.server
import json
import os
import socket
import threading
from collections.abc import Iterator

import pytest
from engine_world import BASE, Folder, World, docker, free_port

from invoke_buildx.engine.machine import Machine
from invoke_buildx.service import answers_as_registry


@pytest.fixture
def alone(folder: Folder) -> Iterator[tuple[Folder, str]]:
    """A project with a registry of its own, which does not run yet."""
    port = free_port()
    folder.write("invoke.yaml", f"buildx: {{registry: 'localhost:{port}', namespace: ibx-alone}}\n")
    name = f"invoke-buildx-registry-{port}"
    yield folder, f"localhost:{port}"
    docker("rm", "--force", name, check=False)
    docker("volume", "rm", "--force", name, check=False)


def test_up_and_down_are_idempotent_and_data_survives(alone: tuple[Folder, str]) -> None:
    """Loopback only, deletion enabled, restarted with the engine, labelled ours."""
    folder, host = alone
    assert "is started" in folder.inv("registry.up").stderr
    assert "is running" in folder.inv("registry.up").stderr
    port = host.partition(":")[2]
    [container] = json.loads(docker("inspect", f"invoke-buildx-registry-{port}"))
    assert container["HostConfig"]["PortBindings"] == {
        "5000/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]
    }
    assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert "REGISTRY_STORAGE_DELETE_ENABLED=true" in container["Config"]["Env"]
    assert container["Config"]["Labels"]["invoke-buildx.project"] == "ibx-alone"
    docker("tag", BASE, f"{host}/some/base:1")
    docker("push", "--quiet", f"{host}/some/base:1")
    docker("rmi", "--no-prune", f"{host}/some/base:1")
    assert "its data is kept" in folder.inv("registry.down").stderr
    assert "was not running" in folder.inv("registry.down").stderr
    folder.inv("registry.up")
    assert "some/base" in folder.inv("registry.ls").stdout
    [row] = json.loads(folder.inv("registry.tags", "--image", "some/base", "--json").stdout)
    assert row["tag"] == "1"
    assert row["digest"].startswith("sha256:")
    assert "running" in folder.inv("registry.status").stdout


def test_a_stopped_registry_is_started_again(alone: tuple[Folder, str]) -> None:
    """As it stands after the engine was ended from outside."""
    folder, host = alone
    folder.inv("registry.up")
    docker("stop", "--time", "0", f"invoke-buildx-registry-{host.partition(':')[2]}")
    assert '"stopped"' in folder.inv("registry.status", "--json").stdout
    folder.inv("registry.up")
    assert answers_as_registry(host)


def test_a_taken_port_names_its_holder_and_the_way_out(alone: tuple[Folder, str]) -> None:
    """A program of this machine is named with its process."""
    folder, host = alone
    port = int(host.partition(":")[2])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        failed = folder.inv("registry.up", code=1)
    assert f"Port {port} is taken by " in failed.stderr
    assert f"(process {os.getpid()})" in failed.stderr
    assert f"INVOKE_BUILDX_REGISTRY=localhost:{port + 1}" in failed.stderr


def test_a_port_that_a_container_holds_names_the_container(
    alone: tuple[Folder, str], world: World
) -> None:
    """By the name that docker ps shows."""
    folder, host = alone
    port = host.partition(":")[2]
    script = "while :; do sleep 1; done"
    docker("run", "-d", "--rm", "--init", "--name", "ibx-holder", "-p", f"127.0.0.1:{port}:80",
           BASE, "sh", "-c", script)  # fmt: skip
    try:
        assert "the container 'ibx-holder'" in folder.inv("registry.up", code=1).stderr
    finally:
        docker("rm", "--force", "ibx-holder")


def test_a_container_of_that_name_that_is_not_ours_is_left_alone(
    alone: tuple[Folder, str],
) -> None:
    """It is neither started nor removed."""
    folder, host = alone
    name = f"invoke-buildx-registry-{host.partition(':')[2]}"
    docker("create", "--name", name, BASE)
    for task in ("registry.up", "registry.down", "registry.status"):
        assert "not created by this tool" in folder.inv(task, code=1).stderr
    assert docker("inspect", "--format", "{{.State.Status}}", name) == "created"


class Foreign(http.server.BaseHTTPRequestHandler):
    """Answers as a registry does."""

    def do_GET(self) -> None:
        """An empty registry."""
        self.send_response(200)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Be quiet."""


def test_somebody_elses_registry_is_used_as_it_is(alone: tuple[Folder, str]) -> None:
    """The seed's own registry container goes on serving."""
    folder, host = alone
    with http.server.HTTPServer(("127.0.0.1", int(host.partition(":")[2])), Foreign) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            assert "is running" in folder.inv("registry.up").stderr
            assert "foreign" in folder.inv("registry.status").stdout
            assert "not ours" in folder.inv("registry.down").stderr
        finally:
            server.shutdown()
            serving.join()
    assert Machine().daemon.container(f"invoke-buildx-registry-{host.partition(':')[2]}") is None
