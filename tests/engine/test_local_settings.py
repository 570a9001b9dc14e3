"""The local registry as the settings want it: folder, password, TLS, cache, changes of them."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_world import BASE, Folder, docker, free_port
from projects import REPOSITORY
from registries import HTPASSWD, a_registry, small_image, tls

from invoke_buildx.engine.distribution import Registry
from invoke_buildx.project.settings import RegistrySettings
from invoke_buildx.service import answers_as_registry, await_answer

TWO_IMAGES = {
    "low": "FROM scratch\nCOPY tasks.py /\n",
    "high": 'FROM {{ ref("low") }}\nCOPY invoke.yaml /\n',
}


class Own:
    """A project with a registry and a docker configuration of its own."""

    def __init__(self, path: Path) -> None:
        self.port = free_port()
        self.host = f"localhost:{self.port}"
        self.name = f"invoke-buildx-registry-{self.port}"
        self.cache_port = free_port()
        self.cache_name = f"invoke-buildx-cache-{self.cache_port}"
        config = path / "docker-config"
        config.mkdir()
        kept = {"DOCKER_CONFIG": str(config), "XDG_CACHE_HOME": str(path / "cache")}
        self.folder = Folder(path, kept)
        shutil.copy(REPOSITORY / "tasks.py", path)

    def settings(self, *lines: str) -> None:
        """Write these lines below `buildx`."""
        first = ["buildx:", f"  registry: {self.host}", f"  namespace: ibx-{self.port}"]
        self.folder.write("invoke.yaml", "\n".join([*first, *(f"  {line}" for line in lines)]))

    def id(self) -> str:
        """The container that serves."""
        return docker("inspect", "--format", "{{.Id}}", self.name)

    def mounts(self) -> str:
        """What it sees of this machine."""
        return docker("inspect", "--format", "{{range .Mounts}}{{.Source}} {{end}}", self.name)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    """Removed at the end, whatever was made of it."""
    made = Own(tmp_path)
    made.settings()
    yield made
    made.folder.inv("builder.rm")
    for name in (made.name, made.cache_name):
        docker("rm", "--force", name, check=False)
        docker("volume", "rm", "--force", name, check=False)
    for image in docker("images", "--quiet", f"{made.host}/*/*").split():
        docker("rmi", "--force", image, check=False)


def test_data_in_a_folder_of_yours_is_yours(own: Own) -> None:
    """Kept by `down`, measured by `du`, and never deleted by us."""
    own.settings("local: {folder: data}")
    own.folder.inv("registry.up")
    small_image(Registry(own.host), "a/b", "1", "x" * 100_000)
    assert list((own.folder.path / "data").rglob("_manifests"))
    assert "(on disk)" in own.folder.inv("registry.du").stdout
    failed = own.folder.inv("registry.down", "--volumes", "--yes", code=1)
    assert f"is in {own.folder.path / 'data'}, a folder of yours" in failed.stderr
    assert Registry(own.host).tags("a/b") == ["1"]


def test_a_registry_with_a_password_serves_who_has_logged_in(own: Own) -> None:
    """Builder, engine and our own questions use the login that docker keeps."""
    own.folder.write("users", HTPASSWD)
    own.settings("local: {htpasswd: users}")
    for name, text in TWO_IMAGES.items():
        own.folder.image(name, text)
    own.folder.inv("registry.up")
    assert f"docker login {own.host}" in own.folder.inv("registry.ls", code=1).stderr
    words = ["--config", str(own.folder.path / "docker-config"), "login", own.host]
    subprocess.run(
        ["docker", *words, "--username", "alice", "--password-stdin"],
        input=b"secret",
        check=True,
        capture_output=True,
    )
    own.folder.inv("build", "--all")
    assert "2 current" in own.folder.inv("build", "--all").stderr
    assert "secret" not in docker("inspect", own.name)


def test_a_registry_with_tls_is_used_by_builder_and_engine(own: Own) -> None:
    """By a CA of the settings; a parent is found there as well."""
    tls(own.folder.path)
    own.settings(
        "local: {cert: server.pem, key: server.key}",
        f"registries: {{'{own.host}': {{ca: ca.pem}}}}",
    )
    for name, text in TWO_IMAGES.items():
        own.folder.image(name, text)
    own.folder.inv("build", "--image", "low")
    own.folder.inv("build", "--image", "high")
    assert not answers_as_registry(own.host)
    assert answers_as_registry(own.host, tls=True)
    ca = RegistrySettings(ca=str(own.folder.path / "ca.pem"))
    assert Registry(own.host, {}, ca).tags(f"ibx-{own.port}/high") == ["latest"]
    assert "running" in own.folder.inv("registry.status").stdout


def test_what_is_pulled_from_docker_hub_comes_through_the_cache(own: Own) -> None:
    """And is there when Docker Hub is not; a registry of ours stands in for it."""
    own.settings("default: child")
    with a_registry({"STORAGE_DELETE_ENABLED": "true"}) as hub:
        own.folder.write("Dockerfile", "FROM scratch\nCOPY invoke.yaml /\n")
        words = ("--file", str(own.folder.path / "Dockerfile"), str(own.folder.path))
        docker("build", "--tag", f"{hub}/library/only-there:1", *words)
        docker("push", "--quiet", f"{hub}/library/only-there:1")
        docker("rmi", f"{hub}/library/only-there:1")
        inside = docker(
            *("inspect", f"ibx-registry-{hub.partition(':')[2]}"),
            *("--format", "{{.NetworkSettings.IPAddress}}"),
        )
        own.settings(f"cache: {{port: {own.cache_port}, remote: 'http://{inside}:5000'}}")
        own.folder.image("child", "FROM only-there:1\nCOPY tasks.py /1\n")
        own.folder.inv("build")
        assert Registry(f"localhost:{own.cache_port}").tags("library/only-there") == ["1"]
        upstream = Registry(hub)
        upstream.delete("library/only-there", str(upstream.digest("library/only-there", "1")))
        own.folder.inv("builder.rm")
        own.folder.image("child", "FROM only-there:1\nCOPY tasks.py /2\n")
        own.folder.inv("build")
    states = own.folder.inv("registry.status").stdout
    assert states.count("running") == 2
    assert own.cache_name in states
    assert "and its data are gone" in own.folder.inv("registry.down", "--volumes", "--yes").stderr
    assert docker("volume", "ls", "-q", "-f", f"name={own.cache_name}") == ""


def test_other_settings_take_effect_by_up_and_only_by_that(own: Own) -> None:
    """A build leaves a registry alone that others may be using."""
    own.folder.image("low", TWO_IMAGES["low"])
    own.folder.inv("registry.up")
    first = own.id()
    own.folder.write("users", HTPASSWD)
    own.settings("local: {htpasswd: users}")
    own.folder.inv("build")
    assert own.id() == first
    assert "other settings" in own.folder.inv("registry.status").stdout
    assert "started anew with its data" in own.folder.inv("registry.up").stderr
    assert own.id() != first
    assert "users" in own.mounts()
    own.settings()
    own.folder.inv("registry.up")
    assert Registry(own.host).tags(f"ibx-{own.port}/low") == ["latest"]


def test_a_newer_image_takes_over_the_data(own: Own) -> None:
    """By `up`, when the engine has one."""
    own.folder.inv("registry.up")
    small_image(Registry(own.host), "a/b", "1")
    before, image = own.id(), docker("inspect", "--format", "{{.Image}}", own.name)
    own.folder.write("Dockerfile", "FROM registry:2\nLABEL newer=yes\n")
    words = ("--file", str(own.folder.path / "Dockerfile"), str(own.folder.path))
    docker("build", "--tag", "registry:2", *words)
    try:
        assert "started anew" in own.folder.inv("registry.up").stderr
        assert own.id() != before
        assert Registry(own.host).tags("a/b") == ["1"]
        assert "is running" in own.folder.inv("registry.up").stderr
    finally:
        docker("rm", "--force", own.name)
        newer = docker("inspect", "--format", "{{.Id}}", "registry:2")
        docker("tag", image, "registry:2")
        docker("rmi", newer)


def test_a_registry_whose_program_dies_is_back(own: Own) -> None:
    """As after a restart of the engine, with its data."""
    own.folder.inv("registry.up")
    small_image(Registry(own.host), "a/b", "1")
    process = docker("inspect", "--format", "{{.State.Pid}}", own.name)
    # Only a process of the engine's own may kill it; `docker kill` would count as our wish.
    docker("run", "--rm", "--privileged", "--pid", "host", BASE, "sh", "-c", f"kill -9 {process}")
    await_answer(own.host)
    assert Registry(own.host).tags("a/b") == ["1"]
    assert docker("inspect", "--format", "{{.State.Pid}}", own.name) != process


def test_a_file_that_is_not_there_is_named(own: Own) -> None:
    """Before anything is started."""
    own.settings("local: {htpasswd: nowhere}")
    failed = own.folder.inv("registry.up", code=1)
    assert f"name {own.folder.path / 'nowhere'}, which is no file" in failed.stderr
    assert docker("ps", "-aq", "--filter", f"name={own.name}") == ""


def test_a_cache_of_what_does_not_answer_is_no_hindrance(own: Own) -> None:
    """It is left out, and builds go on."""
    own.settings(f"cache: {{port: {own.cache_port}, remote: 'http://localhost:1'}}")
    own.folder.image("low", TWO_IMAGES["low"])
    said = own.folder.inv("build").stderr
    assert "http://localhost:1 does not answer, so its cache is not started." in said
    assert docker("ps", "-aq", "--filter", f"name={own.cache_name}") == ""
    found = json.loads(own.folder.inv("doctor", "--json").stdout)
    assert [one["state"] for one in found if one["name"] == "cache"] == ["note"]


def test_a_builder_that_was_made_with_other_settings_is_named(own: Own) -> None:
    """With what to type; it keeps its cache until then."""
    own.folder.image("low", TWO_IMAGES["low"])
    own.folder.inv("build")
    own.settings("registries: {'other.example': {http: true}}")
    said = own.folder.inv("build", "--force").stderr
    assert f"Builder 'ibx-{own.port}' was created with other settings" in said
    own.folder.inv("builder.rm", "builder.create")
    assert "other settings" not in own.folder.inv("build", "--force").stderr
