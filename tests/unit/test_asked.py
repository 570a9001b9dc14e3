"""What a person means by the name of an image in a registry."""

import pytest
from projects import ProjectMaker

from invoke_buildx.asked import asked
from invoke_buildx.engine.machine import Machine
from invoke_buildx.errors import UsageError

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("word", "host", "found"),
    [
        ("", "", ("localhost:5000", "ns/tool", "", "latest")),
        ("tool", "", ("localhost:5000", "ns/tool", "", "latest")),
        ("tool:1.*", "", ("localhost:5000", "ns/tool", "1.*", "latest")),
        ("tool", "other:1", ("other:1", "ns/tool", "", "latest")),
        ("some/where", "", ("localhost:5000", "some/where", "", "latest")),
        ("ghcr.io/a/b:c", "", ("ghcr.io", "a/b", "c", "latest")),
        ("localhost:9/a/b", "", ("localhost:9", "a/b", "", "latest")),
        (f"a/b@{DIGEST}", "", ("localhost:5000", "a/b", DIGEST, "latest")),
    ],
)
def test_a_word_is_one_of_ours_a_repository_or_a_full_name(
    make_project: ProjectMaker, word: str, host: str, found: tuple[str, ...]
) -> None:
    """A registry that was named apart wins."""
    project = make_project({"namespace": "ns"}, {"dockerfiles/tool/Dockerfile": "FROM scratch\n"})
    where = asked(project, Machine(environ={}), word, host)
    assert (where.registry.host, where.repository, where.label, where.usual) == found


def test_an_impossible_name_is_refused_before_anything_is_asked(make_project: ProjectMaker) -> None:
    """In the words of the rule."""
    with pytest.raises(UsageError, match="cannot be an image reference"):
        asked(make_project(), Machine(environ={}), "../a")
