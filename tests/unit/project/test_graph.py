"""Parents, order, cycles and missing files of several images."""

import pytest
from projects import ProjectMaker

from invoke_buildx.errors import TemplateError
from invoke_buildx.project.graph import ordered, refuse_missing_sources, with_ancestors


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
