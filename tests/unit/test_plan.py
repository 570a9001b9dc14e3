"""What must be done for an image, decided from what the files say and what is where."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from projects import ProjectMaker

from invoke_buildx.engine.daemon import LocalImage
from invoke_buildx.engine.machine import Machine
from invoke_buildx.outcome import Outcome
from invoke_buildx.plan import Options, Plan, Planner, Step, _only_needed
from invoke_buildx.project.graph import ordered, with_ancestors
from invoke_buildx.project.project import Project
from invoke_buildx.survey import UNREACHABLE, RemoteImage, Survey

FILES = {
    "dockerfiles/mother/Dockerfile.j2": "FROM debian:x\nARG uid\nCOPY file /\nRUN {{ word }}\n",
    "dockerfiles/child/Dockerfile.j2": 'FROM {{ ref("mother") }}\n',
    "file": "1",
}
SETTINGS = {"images": {"mother": {"vars": {"word": "one"}}}}
BASES = {"debian:x": "sha256:1"}
MACHINE = Machine(environ={"HOME": "/nowhere"})


def plan(project: Project, survey: Survey, options: Options | None = None) -> dict[str, Step]:
    """The step of each image, `child:latest` being what was asked for."""
    asked = frozenset({"child:latest"})
    planner = Planner(project, MACHINE, survey, options or Options(), asked)
    steps = [planner.step(entry) for entry in ordered(with_ancestors(project, project.images))]
    return {step.label: step for step in _only_needed(steps, asked)}


def held(project: Project, **digests: str) -> Survey:
    """Engine and registry as they are after a build of everything."""
    steps = plan(project, Survey({}, bases=BASES)).values()
    engine, registry = {}, {}
    for step in steps:
        ref, identity = str(step.to.reference), step.node.image.name
        engine[ref] = LocalImage(identity, (ref,), (), step.parts.labels())
        registry[ref] = RemoteImage("sha256:m", identity, step.parts)
    return Survey(engine, registry, {**BASES, **digests})


def actions(steps: Mapping[str, Step]) -> list[str]:
    """What is done for mother and child."""
    return [steps["mother:latest"].action, steps["child:latest"].action]


@pytest.fixture
def project(make_project: ProjectMaker) -> Project:
    """A child of a mother of Debian."""
    made = make_project(SETTINGS, FILES)
    assert isinstance(made, Project)
    return made


def again(project: Project, **changes: object) -> Project:
    """The same project as the next run would read it."""
    return replace(project, **changes)  # type: ignore[arg-type]


def test_what_is_not_there_is_built_and_what_is_current_is_left(project: Project) -> None:
    """Nothing is built or moved without a reason."""
    nothing = plan(project, Survey({}, bases=BASES))
    assert actions(nothing) == ["build", "build"]
    assert nothing["child:latest"].reasons == ("it is not built",)
    assert actions(plan(project, held(project))) == ["none", "none"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"overrides": {"word": "two"}}, "the Dockerfile's text"),
        ({"build_args": {"uid": "7"}}, "argument uid"),
        ({"platforms": ("linux/arm64",)}, "option platforms is new"),
    ],
)
def test_every_input_of_a_mother_rebuilds_her_and_her_child(
    project: Project, change: dict[str, object], reason: str
) -> None:
    """The reason names what changed."""
    survey = held(project)
    steps = plan(again(project, **change), survey)
    assert actions(steps) == ["build", "build"]
    assert reason in steps["mother:latest"].reasons[0]
    assert "parent mother:latest" in steps["child:latest"].reasons[0]


def test_a_changed_file_rebuilds_and_another_does_not(project: Project, tmp_path: Path) -> None:
    """Only files that are referred to count."""
    survey = held(project)
    (tmp_path / "unrelated").touch()
    assert actions(plan(again(project), survey)) == ["none", "none"]
    (tmp_path / "file").write_text("2")
    steps = plan(again(project), survey)
    assert steps["mother:latest"].reasons == ("changed: file file",)


def test_an_argument_that_nobody_declares_does_not_count(project: Project) -> None:
    """Except those that BuildKit itself takes."""
    survey = held(project)
    assert actions(plan(again(project, build_args={"unused": "1"}), survey)) == ["none", "none"]
    steps = plan(again(project, build_args={"BUILDKIT_SYNTAX": "x"}), survey)
    assert actions(steps) == ["build", "build"]


def test_a_base_that_moved_rebuilds_and_one_that_cannot_be_asked_does_not(
    project: Project,
) -> None:
    """Without a network, what was built is as good as it was."""
    moved = {"debian:x": "sha256:2"}
    assert actions(plan(project, held(project, **moved))) == ["build", "build"]
    silent = {"debian:x": ""}
    assert actions(plan(project, held(project, **silent))) == ["none", "none"]


def test_what_one_place_lacks_is_moved_and_not_built(project: Project) -> None:
    """Pushed from the engine, or pulled from the registry."""
    survey = held(project)
    ref = "localhost:5000/team/child:latest"
    lost = replace(survey, registry={**survey.registry, ref: None})
    assert actions(plan(project, lost)) == ["none", "push"]
    gone = {name: image for name, image in survey.engine.items() if name != ref}
    assert actions(plan(project, replace(survey, engine=gone))) == ["none", "pull"]
    silent = replace(survey, registry=dict.fromkeys(survey.registry, UNREACHABLE))
    assert actions(plan(project, silent)) == ["none", "push"]
    child = survey.registry[ref]
    assert child is not None
    other = replace(child, id="another", digest="sha256:other")
    newer = replace(survey, registry={**survey.registry, ref: other})
    assert actions(plan(project, newer)) == ["none", "pull"]


def test_a_lost_mother_is_left_alone_while_her_child_is_current(project: Project) -> None:
    """She is built when she is needed."""
    survey = held(project)
    ref = "localhost:5000/team/mother:latest"
    engine = {name: image for name, image in survey.engine.items() if name != ref}
    lost = Survey(engine, {**survey.registry, ref: None}, survey.bases)
    assert actions(plan(project, lost)) == ["none", "none"]
    assert actions(plan(project, lost, Options(force=True))) == ["build", "build"]


def test_force_builds_what_was_asked_for_and_makes_its_children_stale(project: Project) -> None:
    """Forced, it may have become something else with the same parts."""
    survey = held(project)
    steps = plan(project, survey, Options(no_cache=True))
    assert actions(steps) == ["none", "build"]
    child = steps["child:latest"]
    assert child.reasons[0] == "--no-cache was given"
    assert child.made is not None
    assert child.parts.fingerprint != child.made.fingerprint


def test_what_no_text_tells_is_always_built_and_so_are_its_children(
    make_project: ProjectMaker,
) -> None:
    """With the reason."""
    text = "FROM debian:x\nADD https://example.org/x /x\n"
    project = make_project({}, {**FILES, "dockerfiles/mother/Dockerfile.j2": text})
    steps = plan(project, held(project))
    assert actions(steps) == ["build", "build"]
    [reason] = steps["mother:latest"].reasons
    assert reason.startswith("line 2: what ADD https://example.org/x fetches can change")
    assert steps["child:latest"].reasons == ("its parent mother:latest is always built",)


def test_an_image_that_others_made_is_built(project: Project) -> None:
    """Whatever its name is; and one that another version of this tool made."""
    ref = "localhost:5000/team/child:latest"
    survey = held(project)
    foreign = LocalImage("x", (ref,), (), {"invoke-buildx.project": "team"})
    steps = plan(project, Survey({ref: foreign}, bases=BASES))
    assert steps["child:latest"].reasons == ("it was built by other means",)
    old = {"invoke-buildx.project": "team", "invoke-buildx.fingerprint": secrets.token_hex(8)}
    steps = plan(project, replace(survey, engine={ref: replace(foreign, labels=old)}, registry={}))
    assert steps["child:latest"].reasons == ("another version of this tool has built it",)


def test_the_outcome_says_what_was_not_tried_and_how_to_go_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the exit code of the first failure."""
    monkeypatch.setenv("INV_PROGRAM", "./inv")
    steps = tuple(plan(project, Survey({}, bases=BASES)).values())
    outcome = Outcome(Plan(steps, frozenset({"mother:latest", "child:latest"})))
    outcome.fail("mother:latest", "it broke", 3)
    assert outcome.code == 3
    assert outcome.summary().splitlines() == [
        "1 failed, 1 not tried.",
        "failed     mother:latest  it broke",
        "not tried  child:latest   needs mother:latest",
        "Go on with: ./inv build --image mother:latest --image child:latest",
    ]


def test_parts_hold_no_value_of_an_argument(project: Project) -> None:
    """Only a hash of it."""
    parts = plan(project, Survey({}))["mother:latest"].parts
    assert set(parts.args) == {"uid"}
    assert "4242" not in parts.args.values()
