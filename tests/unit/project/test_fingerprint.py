"""What an image is made of: one hash, two labels, and the names of what changed."""

import json
from dataclasses import replace

import pytest

from invoke_buildx.project.fingerprint import (
    FINGERPRINT_LABEL,
    LONGEST_TEXT,
    PARTS_LABEL,
    Parts,
    changes,
    read_parts,
    short_hash,
    text_diff,
)

PARTS = Parts(
    text="FROM a\nRUN Grüße\n",
    text_hash=short_hash("FROM a\nRUN Grüße\n"),
    args={"uid": "1"},
    files={"x": "2", "y/": "3"},
    parents={"p:1": "4"},
    bases={"a": "sha256:5"},
    options={"network": "host"},
)


def test_labels_tell_every_part_again() -> None:
    """On whatever machine they are read."""
    assert read_parts(PARTS.labels()) == PARTS


@pytest.mark.parametrize("name", ["args", "files", "parents", "bases", "options"])
def test_every_part_changes_the_fingerprint(name: str) -> None:
    """Nothing that goes into an image may be left out."""
    changed = replace(PARTS, **{name: {"other": "value"}})  # type: ignore[arg-type]
    assert changed.fingerprint != PARTS.fingerprint
    assert replace(PARTS, text_hash="?").fingerprint != PARTS.fingerprint
    assert replace(PARTS, generation="?").fingerprint != PARTS.fingerprint
    assert replace(PARTS, by_hand=("--set x",)).fingerprint == PARTS.fingerprint


def test_a_label_that_does_not_fit_its_fingerprint_tells_nothing() -> None:
    """An image made from ours inherits its labels, and somebody may have edited them."""
    labels = PARTS.labels()
    assert read_parts({**labels, FINGERPRINT_LABEL: "0"}) is None
    assert read_parts({**labels, PARTS_LABEL: "no json"}) is None
    assert read_parts({**labels, PARTS_LABEL: '{"text": "!"}'}) is None
    assert read_parts({}) is None


def test_a_text_that_no_argument_can_hold_is_known_by_its_hash() -> None:
    """The fingerprint is the same; only the lines cannot be shown."""
    text = "".join(chr(0x4E00 + number % 20000) for number in range(LONGEST_TEXT))
    long = replace(PARTS, text=text, text_hash=short_hash(text))
    found = read_parts(long.labels())
    assert found is not None
    assert found.text is None
    assert found.fingerprint == long.fingerprint


def test_no_value_of_an_argument_is_in_a_label() -> None:
    """Labels travel with the image to everybody."""
    parts = replace(PARTS, args={"token": short_hash("token=hunter2")})
    assert "hunter2" not in json.dumps(parts.labels())


def test_each_change_is_named() -> None:
    """The file, the argument, the parent, the base, the option, the text."""
    new = replace(
        PARTS, text_hash="?", args={"uid": "9"}, files={"x": "2", "z": "1"}, parents={}, bases={}
    )
    assert changes(PARTS, new) == [
        "the Dockerfile's text",
        "argument uid",
        "file y/ is gone",
        "file z is new",
        "parent p:1 is gone",
        "base a is gone",
    ]
    forced = replace(PARTS, generation="1")
    assert changes(PARTS, forced) == ["it was built anew by force"]
    assert changes(PARTS, PARTS) == []


def test_changed_lines_are_shown_as_a_diff() -> None:
    """With a line of what is around them."""
    assert text_diff("a\nb\nc\n", "a\nx\nc\n") == ["@@ -1,3 +1,3 @@", " a", "-b", "+x", " c"]
