"""Parents, order, cycles and missing files of several images."""

import pytest
from projects import ProjectMaker

from invoke_buildx.errors import TemplateError
from invoke_buildx.project.graph import (
    ordered,
    refuse_missing_sources,
    with_ancestors,
    with_dependents,
)


def test_parents_come_before_children(make_project: ProjectMaker) -> None:
    """Whether they are used by FROM, COPY or a mount; unrelated images stay out."""
    files = {
        "dockerfiles/a/Dockerfile.j2": 'FROM {{ ref("z") }}\nCOPY --from={{ ref("m") }} /x /x',
        "dockerfiles/m/Dockerfile.j2": 'FROM s\nRUN --mount=from={{ ref("z") }},target=/z true',
        "dockerfiles/z/Dockerfile.j2": "FROM s",
        "dockerfiles/other/Dockerfile.j2": "FROM s",
    }
    project = make_project({}, files)
    nodes = with_ancestors(project, project.select(["a"]))
    assert [node.image.name for node in ordered(nodes)] == ["z", "m", "a"]


def test_a_cycle_is_refused_with_its_path(make_project: ProjectMaker) -> None:
    """So that the person sees which reference to cut."""
    files = {
        "dockerfiles/a/Dockerfile.j2": 'FROM {{ ref("b") }}',
        "dockerfiles/b/Dockerfile.j2": 'FROM {{ ref("a") }}',
    }
    project = make_project({}, files)
    with pytest.raises(TemplateError, match=r"made from each other: .*a:latest.*b:latest"):
        ordered(with_ancestors(project, project.select(["a"])))


def test_missing_files_of_all_images_are_named_at_once(make_project: ProjectMaker) -> None:
    """With image and line of the rendered text."""
    files = {
        "dockerfiles/a/Dockerfile.j2": "FROM s\nCOPY no1 /",
        "dockerfiles/b/Dockerfile": "FROM s\n\nCOPY no2 /",
    }
    project = make_project({}, files)
    nodes = ordered(with_ancestors(project, project.select(["*"])))
    with pytest.raises(TemplateError) as caught:
        refuse_missing_sources(project, nodes)
    first, second = sorted(str(caught.value).splitlines())
    assert first.startswith("dockerfiles/a (rendered), line 2: COPY no1: there is no such file")
    assert second.startswith("dockerfiles/b/Dockerfile, line 3: COPY no2: there is no such file")


def test_a_parent_is_found_however_it_is_written(make_project: ProjectMaker) -> None:
    """With the host or without it, with the tag or without; one with a digest is another's."""
    digest = "sha256:" + "0" * 64
    files = {
        "dockerfiles/base/Dockerfile.j2": "FROM debian",
        "dockerfiles/a/Dockerfile.j2": "FROM localhost:5000/team/base",
        "dockerfiles/b/Dockerfile.j2": "FROM team/base:latest",
        "dockerfiles/c/Dockerfile.j2": "FROM team/base",
        "dockerfiles/d/Dockerfile.j2": f"FROM localhost:5000/team/base:latest@{digest}",
        "dockerfiles/e/Dockerfile.j2": "FROM docker.io/team/base",
        "dockerfiles/f/Dockerfile.j2": "FROM team/nobodys:1",
    }
    project = make_project({}, files)
    nodes = with_ancestors(project, project.images)
    parents = {name: nodes[f"{name}:latest"].parents for name in "abcdef"}
    assert parents == {
        "a": ("base:latest",), "b": ("base:latest",), "c": ("base:latest",),
        "d": (), "e": (), "f": (),
    }  # fmt: skip
    assert nodes["f:latest"].external == ("team/nobodys:1",)


@pytest.mark.parametrize("written", ["localhost:5000/team/bse", "team/base:2"])
def test_what_looks_like_ours_and_is_none_is_refused(
    make_project: ProjectMaker, written: str
) -> None:
    """With the nearest name, before anything is built."""
    files = {
        "dockerfiles/base/Dockerfile.j2": "FROM debian",
        "dockerfiles/a/Dockerfile.j2": f"FROM {written}",
    }
    project = make_project({}, files)
    with pytest.raises(TemplateError, match=r"no image .* 'localhost:5000/team/base:latest'\?"):
        with_ancestors(project, project.images)


def test_an_image_of_itself_is_refused(make_project: ProjectMaker) -> None:
    """As the shortest of all circles."""
    project = make_project({}, {"dockerfiles/a/Dockerfile.j2": "FROM localhost:5000/team/a\n"})
    with pytest.raises(TemplateError, match="made from each other: a:latest <- a:latest"):
        ordered(with_ancestors(project, project.images))


def test_dependents_are_found_over_generations(make_project: ProjectMaker) -> None:
    """And nothing else is."""
    files = {
        "dockerfiles/a/Dockerfile.j2": "FROM debian",
        "dockerfiles/b/Dockerfile.j2": 'FROM {{ ref("a") }}',
        "dockerfiles/c/Dockerfile.j2": 'FROM {{ ref("b") }}',
        "dockerfiles/d/Dockerfile.j2": "FROM debian",
    }
    project = make_project({}, files)
    found = with_dependents(project, project.select(["a"]))
    assert [image.name for image in found] == ["a", "b", "c"]


def test_the_graph_for_programs_names_what_the_text_refers_to(make_project: ProjectMaker) -> None:
    """After substitution, over the stages that are needed."""
    text = (
        "# syntax=docker/dockerfile:1\nARG v=1\nFROM debian:$v AS unused\nFROM alpine:$v\n"
        'COPY --from={{ ref("b") }} /x /x\nCOPY f g/ /\n'
    )
    files = {
        "dockerfiles/a/Dockerfile.j2": text,
        "dockerfiles/b/Dockerfile.j2": "FROM s",
        "f": "",
        "g/h": "",
    }
    project = make_project({}, files)
    assert with_ancestors(project, project.images)["a:latest"].as_json() == {
        "image": "a:latest",
        "ref": "localhost:5000/team/a:latest",
        "parents": ["b:latest"],
        "external": ["alpine:1"],
        "sources": ["f", "g/"],
        "syntax": "docker/dockerfile:1",
    }
