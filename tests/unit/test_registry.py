"""What we run as a registry, and what a builder is told of registries, from the settings alone."""

import tomllib
from typing import Any

import pytest
from projects import ProjectMaker

from invoke_buildx.engine.buildx import buildkitd_toml
from invoke_buildx.errors import SettingsError
from invoke_buildx.registry import local_service, mirrors, reached, services
from invoke_buildx.service import start_command


def test_only_this_machine_reaches_it_and_its_data_outlives_it(make_project: ProjectMaker) -> None:
    """Also by IPv6, when it is called so."""
    for host, address in (("localhost:5009", "127.0.0.1"), ("[::1]:5009", "[::1]")):
        argv = start_command(local_service(make_project({"registry": host})), "me").argv
        assert f"{address}:5009:5000" in argv
        name = "invoke-buildx-registry-5009"
        assert f"type=volume,source={name},target=/var/lib/registry" in argv
        assert argv[-1] == "registry:2"


def test_the_same_settings_of_two_projects_are_the_same(make_project: ProjectMaker) -> None:
    """So that neither restarts what the other uses."""
    service = local_service(make_project())
    mine, yours = start_command(service, "me").argv, start_command(service, "you").argv
    differing = [pair for pair in zip(mine, yours, strict=True) if pair[0] != pair[1]]
    assert differing == [("invoke-buildx.project=me", "invoke-buildx.project=you")]


def test_a_builder_knows_every_registry_of_the_settings(make_project: ProjectMaker) -> None:
    """The local one's own certificate is believed where no CA is named."""
    project = make_project(
        {
            "local": {"cert": "own.pem"},
            "cache": {"port": 5001},
            "registries": {"plain.example": {"http": True}, "tls.example": {"cert": "me.pem"}},
        }
    )
    found: dict[str, Any] = tomllib.loads(buildkitd_toml(mirrors(project), reached(project)))
    root, hosts = project.root, found["registry"]
    assert hosts["docker.io"]["mirrors"] == ["localhost:5000", "localhost:5001"]
    assert hosts["localhost:5000"] == {"http": False, "ca": [str(root / "own.pem")]}
    assert hosts["plain.example"] == {"http": True}
    [pair] = hosts["tls.example"]["keypair"]
    assert pair == {"cert": str(root / "me.pem"), "key": str(root / "me.pem")}


def test_a_cache_is_a_second_service(make_project: ProjectMaker) -> None:
    """Only where it is wanted; it cannot be written to, so it cannot be the first."""
    assert len(services(make_project())) == 1
    [_, cache] = services(make_project({"cache": {"port": 5001}}))
    argv = start_command(cache, "me").argv
    assert "REGISTRY_PROXY_REMOTEURL=https://registry-1.docker.io" in argv
    assert "127.0.0.1:5001:5000" in argv


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"cache": {"port": 70000}}, "cache.port is no port number"),
        ({"cache": {"remote": "docker.io"}}, "cache.remote must be an address"),
        ({"cache": {"remote": "https://me:secret@hub"}}, "cache.remote must not hold a password"),
        ({"local": {"key": "k.pem"}}, "local.key needs local.cert"),
        ({"cache": {"port": 5000}}, "cache.port is the local registry's port"),
    ],
)
def test_what_cannot_be_is_refused(
    make_project: ProjectMaker, settings: dict[str, Any], problem: str
) -> None:
    """Before anything is started."""
    with pytest.raises(SettingsError, match=problem) as refused:
        make_project(settings)
    assert "secret" not in str(refused.value)
