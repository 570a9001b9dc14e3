"""The packaged library: the text that each macro and the layout write."""

import subprocess
from pathlib import Path

import pytest
from projects import REPOSITORY

from invoke_buildx.errors import TemplateError
from invoke_buildx.project.library import Library
from invoke_buildx.project.template import Templates

IMAGE = {"name": "tool", "tag": "latest", "ref": "r/n/tool:latest", "namespace": "n"}


def render(root: Path, text: str, **values: object) -> str:
    """The text of a template in a project that has nothing but that template."""
    path = root / "dockerfiles/x/Dockerfile.j2"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    templates = Templates(Library([root, REPOSITORY]), str)
    return templates.render("x/Dockerfile.j2", {"image": IMAGE, **values})


@pytest.mark.parametrize(
    ("call", "start"),
    [
        ("apt_install", "RUN --mount=type=cache,id=debs,target=/var/cache/debs,sharing=locked"),
        ("dnf_install", "RUN --mount=type=cache,id=rpms,target=/var/cache/dnf,sharing=locked"),
        ("apk_add", "RUN --mount=type=cache,id=apks,target=/var/cache/apk,sharing=locked"),
    ],
)
def test_packages_are_words_behind_the_end_of_all_options(
    tmp_path: Path, call: str, start: str
) -> None:
    """What looks like code or like an option is the name of a package; caches are locked."""
    text = render(tmp_path, f'{{{{ {call}("curl", "git=1:2*", "a; rm -rf /", "-x") }}}}\nEND\n')
    assert text.startswith(start)
    assert text.endswith(
        "    -- \\\n    curl \\\n    'git=1:2*' \\\n    'a; rm -rf /' \\\n    -x\nEND\n"
    )


@pytest.mark.parametrize("call", ["apt_install", "dnf_install", "apk_add"])
def test_no_package_at_all_is_refused(tmp_path: Path, call: str) -> None:
    """An empty list is a mistake in the settings, not an update."""
    with pytest.raises(TemplateError, match="at least one package"):
        render(tmp_path, f"{{{{ {call}(*[]) }}}}")


def test_recommended_packages_come_only_when_asked_for(tmp_path: Path) -> None:
    """Both package managers are told the same."""
    assert "--no-install-recommends" in render(tmp_path, '{{ apt_install("a") }}')
    assert "recommends" not in render(tmp_path, '{{ apt_install("a", recommends=true) }}')
    assert "weak_deps=False" in render(tmp_path, '{{ dnf_install("a") }}')
    assert "weak_deps=True" in render(tmp_path, '{{ dnf_install("a", recommends=true) }}')


def test_create_user_renders_a_script_that_a_posix_shell_reads(tmp_path: Path) -> None:
    """The heredoc's body has no syntax error in sh, and USER is a number without a group."""
    text = render(tmp_path, "{{ create_user() }}\n")
    body = text.split("<<'CREATE_USER'\n")[1].split("\nCREATE_USER\n")[0]
    assert subprocess.run(["sh", "-n"], input=body, text=True, check=False).returncode == 0
    assert text.endswith("\nUSER ${uid:-1000}\n")


def test_the_sudo_rule_can_be_left_out(tmp_path: Path) -> None:
    """And be written alone, where sudo comes later."""
    rule = "/etc/sudoers.d/caller"
    assert rule in render(tmp_path, "{{ create_user() }}")
    assert rule not in render(tmp_path, "{{ create_user(sudo=false) }}")
    assert rule in render(tmp_path, "{{ sudo_nopasswd() }}")


def test_a_zone_is_one_word(tmp_path: Path) -> None:
    """Whatever it holds."""
    text = render(tmp_path, '{{ timezone("a; touch /made") }}')
    assert "touch /made" in text
    assert text.count("'a; touch /made'") == text.count("touch /made") == 3


def test_settings_are_the_projects_own_or_ours(tmp_path: Path) -> None:
    """Read by every interactive bash."""
    assert "DOCKER_IMAGE_NAME" in render(tmp_path, "{{ bash_settings() }}")
    (tmp_path / "imports").mkdir()
    (tmp_path / "imports/bash-user-settings.sh").write_text("alias ll='ls -l'\n")
    text = render(tmp_path, "{{ bash_settings() }}")
    assert "\nalias ll='ls -l'\nEND_OF_SETTINGS\n" in text
    assert "tee -a /etc/skel/.bashrc >> /root/.bashrc" in text


def test_create_user_can_be_included(tmp_path: Path) -> None:
    """The include writes what the macro writes."""
    macro = render(tmp_path, "FROM a\n{{ create_user() }}\n")
    assert render(tmp_path, 'FROM a\n{% include "create_user.j2" %}') == macro


def test_a_common_locale_needs_no_command(tmp_path: Path) -> None:
    """C.UTF-8 is everywhere; another is made from its source."""
    assert render(tmp_path, "{{ locale() }}\n") == 'ENV LANG="C.UTF-8"\n'
    made = render(tmp_path, '{{ locale("de_DE.ISO-8859-15@euro") }}\n')
    assert "--inputfile=de_DE@euro" in made
    assert "--charmap=ISO-8859-15" in made
    assert made.endswith('ENV LANG="de_DE.ISO-8859-15@euro"\n')


def test_labels_are_those_of_the_image_specification(tmp_path: Path) -> None:
    """The title is the image's name, other values are taken as they are, nothing is made up."""
    assert render(tmp_path, "{{ labels() }}\n") == (
        'LABEL \\\n    org.opencontainers.image.title="tool"\n'
    )
    text = render(tmp_path, '{{ labels(title="T", source="https://x/$y", base_name="b") }}\n')
    assert text == (
        "LABEL \\\n"
        '    org.opencontainers.image.base.name="b" \\\n'
        '    org.opencontainers.image.source="https://x/\\$y" \\\n'
        '    org.opencontainers.image.title="T"\n'
    )
    with pytest.raises(TemplateError, match=r"labels\(\) knows no 'sauce', but created, "):
        render(tmp_path, '{{ labels(sauce="x") }}')


def test_a_script_is_copied_with_its_text(tmp_path: Path) -> None:
    """The library's or the project's, word for word, without a file in the context."""
    (tmp_path / "imports").mkdir()
    for end in ("", "\n"):
        (tmp_path / "imports/go.sh").write_text('#!/bin/sh\necho "${#1} {{ x }}"' + end)
        assert render(tmp_path, '{{ copy_script("go.sh") }}\n') == (
            "COPY --chmod=755 <<'END_OF_SCRIPT' \"/usr/local/bin/go.sh\"\n"
            '#!/bin/sh\necho "${#1} {{ x }}"\nEND_OF_SCRIPT\n'
        )
    assert "create_user.sh UID GID" in render(tmp_path, '{{ copy_script("create_user.sh", "/u") }}')


def test_the_layout_is_extended_block_by_block(tmp_path: Path) -> None:
    """A template that says only its packages is a whole image; each block can be replaced."""
    text = render(
        tmp_path,
        '{% extends "dev.Dockerfile.j2" %}\n{% set packages = ["vim"] %}\n'
        "{% block setup %}\nRUN true\n{% endblock %}\n",
        base="debian:bookworm",
    )
    assert text.startswith("FROM debian:bookworm\n")
    order = ["bash /bin/sh", "    sudo \\\n    vim\n", "\nRUN true\n", "\nUSER ${uid", "\nWORKDIR "]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
