"""A project: what its templates get, and which build args its images are given."""

from dataclasses import replace

import pytest
from projects import ProjectMaker

from invoke_buildx.errors import SettingsError, TemplateError, UsageError
from invoke_buildx.project.project import parse_assignments

FILES = {
    "dockerfiles/base/Dockerfile.j2": "FROM debian\nARG uid image_name\n",
    "dockerfiles/child/Dockerfile.j2": '{# {{ x }} #}FROM {{ ref("base") }}\n# {{ image.ref }}\n',
}


def test_a_template_knows_its_image_and_others(make_project: ProjectMaker) -> None:
    """`image` and `ref()` are there without any setting."""
    project = make_project({}, FILES)
    [child] = project.select(["child"])
    text = "FROM localhost:5000/team/base:latest\n# localhost:5000/team/child:latest\n"
    assert project.render(child) == text
    assert [parent.name for parent in project.links(project.read(child, text)).values()] == ["base"]


def test_only_declared_args_are_offered_but_all_that_were_set_are_passed(
    make_project: ProjectMaker,
) -> None:
    """BuildKit warns about an arg that nobody declares; a person's own arg is his choice."""
    settings = {"images": {"base": {"args": {"mine": "1"}}}}
    project = replace(make_project(settings, FILES), build_args={"typed": "2"})
    [base] = project.select(["base"])
    dockerfile = project.read(base, project.render(base))
    assert project.args(base, dockerfile) == {
        "image_name": "base", "uid": "4242", "mine": "1", "typed": "2",
    }  # fmt: skip


def test_a_plain_dockerfile_is_no_template(make_project: ProjectMaker) -> None:
    """It is passed on byte for byte."""
    text = "FROM a\r\nRUN echo '{{ x }}'\r\n"
    project = make_project({}, {"dockerfiles/plain/Dockerfile": text})
    assert project.render(project.images[0]) == text


def test_set_overrides_variables_and_matrix(make_project: ProjectMaker) -> None:
    """A matrix key that is set has one value only."""
    settings = {"images": {"m": {"tag": "{{ v }}", "matrix": {"v": ["1", "2"]}}}}
    project = make_project(settings, {"dockerfiles/m/Dockerfile.j2": "FROM a:{{ v }}"})
    [image] = replace(project, overrides={"v": "9"}).images
    assert (image.tag, project.render(image)) == ("9", "FROM a:9")


def test_an_unknown_reference_in_our_namespace_is_refused(make_project: ProjectMaker) -> None:
    """Whether it is written out or asked for by ref()."""
    files = {
        "dockerfiles/a/Dockerfile.j2": "FROM localhost:5000/team/bse:latest",
        "dockerfiles/b/Dockerfile.j2": "{{ ref('bse') }}",
        "dockerfiles/base/Dockerfile.j2": "FROM x",
    }
    project = make_project({}, files)
    first, second = project.select(["a", "b"])
    with pytest.raises(TemplateError, match=r"Did you mean 'localhost:5000/team/base:latest'"):
        project.links(project.read(first, project.render(first)))
    with pytest.raises(TemplateError, match=r"no image 'bse' to refer to\. Did you mean 'base"):
        project.render(second)


def test_a_context_must_be_a_folder(make_project: ProjectMaker) -> None:
    """Named with the setting that says otherwise."""
    project = make_project({"images": {"base": {"context": "nowhere"}}}, FILES)
    with pytest.raises(SettingsError, match=r"images\.base\.context"):
        project.context(project.select(["base"])[0])


@pytest.mark.parametrize("word", ["x", "=1", "-x=1"])
def test_assignments_need_a_name_and_a_value(word: str) -> None:
    """NAME=VALUE, the value may hold anything."""
    assert parse_assignments("set", ["a=b=c", "d="]) == {"a": "b=c", "d": ""}
    with pytest.raises(UsageError, match="takes NAME=VALUE"):
        parse_assignments("set", [word])
