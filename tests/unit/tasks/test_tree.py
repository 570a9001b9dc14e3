"""The graph for people."""

from projects import ProjectMaker

from invoke_buildx.project.graph import Node, ordered, with_ancestors
from invoke_buildx.tasks.tree import mermaid, tree

FILES = {
    "dockerfiles/base/Dockerfile.j2": "FROM debian:x\n",
    "dockerfiles/left/Dockerfile.j2": 'FROM {{ ref("base") }}\n',
    "dockerfiles/right/Dockerfile.j2": 'FROM {{ ref("base") }}\nCOPY --from=other:1 /a /a\n',
    "dockerfiles/none/Dockerfile.j2": "FROM scratch\n",
}


def nodes(make_project: ProjectMaker) -> list[Node]:
    """Four images, sorted by name."""
    project = make_project({}, FILES)
    found = ordered(with_ancestors(project, project.images))
    return sorted(found, key=lambda entry: entry.image.name)


def test_images_stand_below_what_they_are_made_from(make_project: ProjectMaker) -> None:
    """With what else they need, and their remarks in one column."""
    text = tree(nodes(make_project), {"base:latest": "current", "left:latest": "stale"})
    assert text.splitlines() == [
        "debian:x",
        "└─ base:latest     current",
        "   ├─ left:latest  stale",
        "   └─ right:latest (with other:1)",
        "scratch",
        "└─ none:latest",
    ]


def test_the_diagram_names_every_edge(make_project: ProjectMaker) -> None:
    """In Mermaid's own words, whatever letters a name has."""
    lines = mermaid(nodes(make_project)).splitlines()
    assert lines[0] == "flowchart LR"
    assert '  n_base_58_latest["base:latest"]' in lines
    assert '  n_debian_58_x(["debian:x"]) --> n_base_58_latest' in lines
    assert "  n_base_58_latest --> n_left_58_latest" in lines
