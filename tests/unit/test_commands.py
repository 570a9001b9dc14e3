"""The commands of builds, containers and builders, which touch nothing until they are run."""

from pathlib import Path

import pytest
from projects import ProjectMaker

from invoke_buildx import hub, run
from invoke_buildx.builder import builder_name
from invoke_buildx.engine.buildx import buildkitd_toml, create_builder, recorded_builder
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import EngineError
from invoke_buildx.plan import Options, Planner
from invoke_buildx.project.graph import node
from invoke_buildx.single import build_command
from invoke_buildx.survey import Survey

FILES = {"dockerfiles/a/Dockerfile.j2": "FROM x\nARG uid gid groups\n"}


def argv(make_project: ProjectMaker, settings: dict[str, object], **options: object) -> list[str]:
    """The words of the command that builds image `a`."""
    project, machine = make_project(settings, FILES), Machine(environ={"HOME": "/nowhere"})
    step = Planner(project, machine, Survey({})).step(node(project, project.images[0]))
    chosen = Options(**options)  # type: ignore[arg-type]
    return list(build_command(project, machine, step, chosen, "/context", Path("/m.json")).argv)


def test_the_build_is_the_seeds(make_project: ProjectMaker) -> None:
    """Dockerfile on standard input, declared args, host network, delivery through the registry."""
    words = argv(make_project, {})
    assert words[:7] == ["docker", "buildx", "build", "--builder", "team", "--network", "host"]
    assert words[-5:] == ["-t", "localhost:5000/team/a:latest", "-f", "-", "/context"]
    passed = [words[i + 1] for i, word in enumerate(words) if word == "--build-arg"]
    assert passed == ["uid=4242", "gid=4343", "groups=docker:105 g5002:5002"]
    output = "type=image,push=true,compression=zstd,compression-level=1,oci-mediatypes=true"
    assert words[words.index("--output") + 1] == output
    assert "--provenance=false" in words


def test_compose_keys_and_requests_become_buildx_options(make_project: ProjectMaker) -> None:
    """Each by Docker's own name."""
    image = {
        "network": "none", "platforms": ["linux/arm64"], "secrets": ["id=s"], "ssh": ["default"],
        "extra_hosts": ["h:1.2.3.4"], "cache_from": ["f"], "cache_to": ["t"], "labels": {"l": "v"},
    }  # fmt: skip
    text = " ".join(argv(make_project, {"images": {"a": image}}, no_cache=True, pull=True))
    for option in (
        "--network none", "--platform linux/arm64", "--secret id=s", "--ssh default",
        "--add-host h:1.2.3.4", "--cache-from f", "--cache-to t", "--label l=v", "--no-cache",
        "--pull",
    ):  # fmt: skip
        assert option in text


@pytest.mark.parametrize(
    ("settings", "environ", "name"),
    [
        ({}, {}, "team"),
        ({"builder": {"scope": "image"}}, {}, "team__a__latest"),
        ({"builder": {"driver": "docker"}}, {}, "default"),
        ({"builder": {"driver": "docker"}}, {"DOCKER_CONTEXT": "far"}, "far"),
        ({}, {"BUILDX_BUILDER": "mine"}, "mine"),
    ],
)
def test_the_builder_follows_scope_driver_and_environment(
    make_project: ProjectMaker, settings: dict[str, object], environ: dict[str, str], name: str
) -> None:
    """BUILDX_BUILDER wins over all."""
    project = make_project(settings, FILES)
    assert builder_name(project, project.images[0], Machine(environ=environ)) == name


def test_a_builder_is_created_without_being_made_the_current_one(tmp_path: Path) -> None:
    """With our mark, host networking and the mirror."""
    words = create_builder("team", "host", "team", tmp_path / "x.toml").argv
    assert "--use" not in words
    assert "env.INVOKE_BUILDX_PROJECT=team" in words
    assert 'mirrors = ["localhost:5000"]' in buildkitd_toml(["localhost:5000"], {})
    assert "mirrors" not in buildkitd_toml([], {})
    assert recorded_builder("team", {"BUILDX_CONFIG": str(tmp_path)}) is None


def test_a_container_is_the_seeds_without_its_faults(make_project: ProjectMaker) -> None:
    """A terminal only on demand, and the words after it untouched."""
    project = make_project({}, FILES)
    words = run.run_command(project, project.images[0], ["a b"], Path("/x,y"), terminal=False).argv
    assert "--tty" not in words
    assert 'type=bind,"source=/x,y",target=/workspace' in words
    assert words[-1] == "a b"
    assert "--tty" in run.run_command(project, project.images[0], [], Path("/"), terminal=True).argv


def test_the_cache_folder_follows_xdg(tmp_path: Path) -> None:
    """A relative XDG_CACHE_HOME is ignored, as the specification says."""
    assert Machine(environ={"XDG_CACHE_HOME": "/c"}).cache == Path("/c/invoke-buildx")
    environ = {"XDG_CACHE_HOME": "c", "HOME": "/h"}
    assert Machine(environ=environ).cache == Path("/h/.cache/invoke-buildx")
    with Machine(environ={"XDG_CACHE_HOME": str(tmp_path)}).alone("x") as waited:
        assert (tmp_path / "invoke-buildx/x.lock").is_file()
        assert not waited
    (tmp_path / "file").touch()
    machine = Machine(environ={"XDG_CACHE_HOME": str(tmp_path / "file")})
    with pytest.raises(EngineError, match="cannot be written to"), machine.alone("x"):
        pass


def test_docker_hub_that_hangs_counts_as_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the limit, not after the resolver's own."""
    import threading

    never = threading.Event()
    monkeypatch.setattr(hub, "SECONDS", 0.05)
    monkeypatch.setattr(hub, "_ask", lambda _: never.wait())
    hub.hub_answers.cache_clear()
    assert not hub.hub_answers()
    monkeypatch.setattr(hub, "_ask", lambda _: True)
    hub.hub_answers.cache_clear()
    assert hub.hub_answers()
    hub.hub_answers.cache_clear()
    never.set()
