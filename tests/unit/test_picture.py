"""The picture of a project's images: who is drawn where, and how its state is called."""

from typing import Any

from invoke_buildx.picture import picture


def image(name: str, *parents: str, engine: str = "current", registry: str = "current") -> Any:
    """An entry of `status --json`."""
    states = {"engine": {"state": engine}, "registry": {"state": registry}}
    return {"image": name, "parents": list(parents), **states}


def test_children_stand_right_of_all_their_parents() -> None:
    """Whatever the order in which they are given; a line leads from each parent."""
    drawn = picture(
        [image("top", "middle", "base"), image("middle", "base"), image("base", "not-ours")]
    )
    columns = {box.name: box.x for box in drawn.boxes}
    assert columns["base"] < columns["middle"] < columns["top"]
    assert len(drawn.lines) == 3


def test_children_stand_near_their_parents() -> None:
    """So that lines do not cross."""
    drawn = picture([image("a"), image("b"), image("of-b", "b"), image("of-a", "a")])
    rows = {box.name: box.y for box in drawn.boxes}
    assert (rows["of-a"], rows["of-b"]) == (rows["a"], rows["b"])


def test_a_box_says_what_is_wrong() -> None:
    """In engine and registry."""
    drawn = picture(
        [
            image("fine"),
            image("old", engine="stale", registry="stale"),
            image("none", engine="absent", registry="absent"),
            image("local", registry="absent"),
            image("silent", registry="unreachable"),
        ]
    )
    assert {box.name: (box.state, box.words) for box in drawn.boxes} == {
        "fine": ("current", "current"),
        "old": ("stale", "stale, registry stale"),
        "none": ("absent", "not built, not pushed"),
        "local": ("absent", "not pushed"),
        "silent": ("absent", "registry silent"),
    }


def test_nothing_has_an_empty_picture() -> None:
    """As for a project without images on that host."""
    assert picture([]).boxes == ()
    assert picture([]).width == 0
