"""Settings: what is accepted, and how everything else is refused."""

from typing import Any

import pytest

from invoke_buildx.errors import SettingsError
from invoke_buildx.project.settings import Settings, read_settings


def read(data: dict[str, Any], environ: dict[str, str] | None = None) -> Settings:
    """Settings as if invoke.yaml held these."""
    return read_settings(data, [("invoke.yaml", {"buildx": data})], "My Project", environ or {})


def problems(data: dict[str, Any], environ: dict[str, str] | None = None) -> list[str]:
    """What is wrong with these settings, a line each."""
    with pytest.raises(SettingsError) as caught:
        read(data, environ)
    return str(caught.value).splitlines()


def test_nothing_needs_to_be_set() -> None:
    """The defaults are the seed's set-up, with the folder's name as the namespace."""
    settings = read({})
    assert settings.registry == "localhost:5000"
    assert settings.namespace == "my-project"
    assert settings.builder.driver == "docker-container"
    assert settings.run.workspace == "/workspace"


def test_every_problem_is_named_at_once_with_file_key_and_nearest_name() -> None:
    """Five mistakes give five lines."""
    data = {
        "registery": "x",
        "builder": {"driver": "dockr"},
        "images": {"Swiss": {"tag": ["x"]}, "a": {"platfroms": "linux/amd64"}},
    }
    assert problems(data) == [
        "invoke.yaml: buildx.registery is no setting. Did you mean 'registry'?",
        (
            "invoke.yaml: buildx.builder.driver must be docker-container or docker, not 'dockr'."
            " Did you mean 'docker'?"
        ),
        "invoke.yaml: buildx.images.Swiss.tag must be a text, not a list",
        "invoke.yaml: buildx.images.a.platfroms is no setting. Did you mean 'platforms'?",
        "invoke.yaml: buildx.images.Swiss names must be lower case, such as 'swiss'",
    ]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"registry": "a b"}, "'a b' is no host name"),
        ({"namespace": "a/-b"}, "'-b' must be"),
        ({"local": {"port": 70000}}, "is no port number"),
        ({"local": {"port": "many"}}, "must be a whole number, not 'many'"),
        ({"builder": "docker"}, "must be a section of keys, not 'docker'"),
        ({"images": ["a"]}, "must be a section of keys, not a list"),
        ({"images": {"a": {"matrix": {"base": {"x": 1}}}}}, "must be a list, not a section"),
        ({"provenance": "perhaps"}, "must be true or false, not 'perhaps'"),
    ],
)
def test_wrong_types_and_names_are_refused(data: dict[str, Any], problem: str) -> None:
    """Each with one sentence."""
    [line] = problems(data)
    assert problem in line


def test_compose_like_short_forms_are_understood() -> None:
    """Lists of K=V for mappings, comma-separated texts for lists, numbers for texts."""
    image = {"args": ["A=1", "B=x=y"], "platforms": "linux/amd64, linux/arm64", "tag": 22.04}
    found = read({"images": {"a": image, "b": None}}).images
    assert found["a"].args == {"A": "1", "B": "x=y"}
    assert found["a"].platforms == ("linux/amd64", "linux/arm64")
    assert found["a"].tag == "22.04"
    assert found["b"].tag == "latest"


def test_the_environment_wins_and_false_means_false() -> None:
    """Scalar keys at any depth can be set by INVOKE_BUILDX_ variables."""
    environ = {
        "INVOKE_BUILDX_PROVENANCE": "false",
        "INVOKE_BUILDX_BUILDER_SCOPE": "image",
        "INVOKE_BUILDX_LOCAL_PORT": "5001",
    }
    settings = read({"provenance": True, "local": {"port": 1}}, environ)
    assert settings.provenance is False
    assert settings.builder.scope == "image"
    assert settings.local.port == 5001


def test_a_bad_variable_is_named() -> None:
    """Both an unknown one and one with an impossible value."""
    environ = {"INVOKE_BUILDX_REGISTERY": "x", "INVOKE_BUILDX_LOCAL_PORT": "x"}
    assert problems({}, environ) == [
        "environment (INVOKE_BUILDX_LOCAL_PORT): buildx.local.port must be a whole number, not 'x'",
        (
            "environment: INVOKE_BUILDX_REGISTERY is no setting."
            " Did you mean 'INVOKE_BUILDX_REGISTRY'?"
        ),
    ]
