"""Templates: what survives, what is found, and how mistakes are explained."""

from pathlib import Path

import pytest
from projects import REPOSITORY

from invoke_buildx.errors import TemplateError
from invoke_buildx.project.library import Library
from invoke_buildx.project.template import Templates


def render(root: Path, text: str, files: dict[str, str] | None = None, **values: object) -> str:
    """The text of a template in a project with these files."""
    for name, content in {"dockerfiles/x/Dockerfile.j2": text, **(files or {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
    return Templates(Library([root, REPOSITORY]), str).render("x/Dockerfile.j2", values)


@pytest.mark.parametrize(
    "text",
    [
        'RUN a=(1 2); echo "${#a[@]}" ${#a}\n',
        "RUN docker inspect --format '{{.Id}} {{ .Name }} {{- .X }}' x\n",
        "FROM a\r\nRUN echo hi\r\n",
        "RUN echo 'Grüße, 世界 🐳'\n",
        "no newline at the end",
        "\n\nblank lines around\n\n",
    ],
)
def test_shell_code_and_text_survive(tmp_path: Path, text: str) -> None:
    """What Jinja would eat, refuse or change arrives as it was written."""
    assert render(tmp_path, text) == text


def test_comments_tags_and_crlf_work_together(tmp_path: Path) -> None:
    """Block tags leave no line behind, in files with either line end."""
    text = "{# note #}\n{% if yes %}\nA {{ b }}\n{% endif %}\n"
    assert render(tmp_path, text, yes=True, b=1) == "A 1\n"
    assert render(tmp_path, text.replace("\n", "\r\n"), yes=True, b=1) == "A 1\r\n"


def test_a_raw_block_stays_raw(tmp_path: Path) -> None:
    """Nothing inside it is escaped twice."""
    assert render(tmp_path, "{% raw %}${#a} {{ x }}{% endraw %}") == "${#a} {{ x }}"


def test_a_helper_script_is_included_word_for_word(tmp_path: Path) -> None:
    """Scripts of imports/ are no templates: the same text can be COPYed."""
    script = 'echo "{{ not_jinja }}" ${#x} {# {% \\n "é" 🐳\r\n'
    assert render(tmp_path, '{% include "s.sh" %}', {"imports/s.sh": script}) == script


def test_the_projects_own_file_hides_the_packaged_one(tmp_path: Path) -> None:
    """The library serves only what the project does not bring."""
    own = {"templates/macros/shell.j2": "{% macro bash_as_sh() %}own{% endmacro %}"}
    assert render(tmp_path, "{{ bash_as_sh() }}") == "RUN ln -sf bash /bin/sh"
    assert render(tmp_path, "{{ bash_as_sh() }}", own) == "own"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A\n{{ pakages }}", ":2: 'pakages' is undefined. Did you mean 'packages'?"),
        ("{{ image.nmae }}", ":1: 'dict object' has no attribute 'nmae'. Did you mean 'name'?"),
        ("{{ apt_instal('x') }}", "Did you mean 'apt_install'?"),
        ("{{ 'x' | slg }}", ":1: No filter named 'slg'. Did you mean 'slug'?"),
        ("A\n\n{% if %}", ":3: Expected an expression"),
        ("\n{% include 'creat_user.sh' %}", ":2: there is no template 'creat_user.sh'."),
        ("{{ 1 // 0 }}", ":1: "),
    ],
)
def test_mistakes_name_template_line_and_nearest_name(
    tmp_path: Path, text: str, message: str
) -> None:
    """One sentence, no traceback."""
    with pytest.raises(TemplateError) as caught:
        render(tmp_path, text, packages=[], image={"name": "x"})
    assert str(caught.value).startswith(str(tmp_path / "dockerfiles/x/Dockerfile.j2:"))
    assert message in str(caught.value)


def test_a_mistake_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    """The innermost template counts, with its own line."""
    with pytest.raises(TemplateError, match=r"templates/part\.j2:3: 'nope' is undefined"):
        render(tmp_path, '{% include "part.j2" %}', {"templates/part.j2": "\n\n{{ nope }}"})


def test_a_template_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """With its name, not with a codec's traceback."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/bad.j2").write_bytes(b"\xff\xfe")
    with pytest.raises(TemplateError, match=r"bad\.j2: is not UTF-8"):
        render(tmp_path, '{% include "bad.j2" %}')


def test_no_template_outside_the_searched_folders_is_read(tmp_path: Path) -> None:
    """`..` leads nowhere."""
    (tmp_path / "secret").write_text("x")
    with pytest.raises(TemplateError, match="there is no template"):
        render(tmp_path, '{% include "../secret" %}')


@pytest.mark.parametrize(
    ("value", "quoted", "literal"),
    [
        ("plain", "plain", '"plain"'),
        ("it's $HOME", "'it'\"'\"'s $HOME'", '"it\'s \\$HOME"'),
        ('a\\"b', "'a\\\"b'", '"a\\\\\\"b"'),
        ("", "''", '""'),
    ],
)
def test_values_are_one_word_for_a_shell_or_an_instruction(
    tmp_path: Path, value: str, quoted: str, literal: str
) -> None:
    """What either would expand arrives as it is."""
    text = "{{ value | quote }} {{ value | literal }}"
    assert render(tmp_path, text, value=value) == f"{quoted} {literal}"


@pytest.mark.parametrize("name", ["quote", "literal"])
def test_a_value_that_would_start_another_instruction_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing on a line of a Dockerfile can hold a line end."""
    with pytest.raises(TemplateError, match=r"Dockerfile.j2:1: .*control character"):
        render(tmp_path, "RUN echo {{ value | " + name + " }}", value="a\nUSER root")


def test_a_template_can_refuse_what_it_is_given(tmp_path: Path) -> None:
    """`fail` ends the rendering with the template's own sentence."""
    with pytest.raises(TemplateError, match=r"Dockerfile\.j2:1: no such colour"):
        render(tmp_path, '{{ fail("no such colour") }}')
