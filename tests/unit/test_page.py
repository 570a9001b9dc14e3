"""The page of a registry: what it shows, and that nothing in it can act."""

import html
import json
import re

from invoke_buildx.catalogue import Held, Repository, Tagged
from invoke_buildx.page import registry_page
from invoke_buildx.project.manifest import Manifest
from invoke_buildx.shown import Shown

KIND = "application/vnd.oci.image.manifest.v1+json"
LAYERS = [
    {"digest": f"sha256:{'a' * 64}", "size": 3000},
    {"digest": f"sha256:{'b' * 64}", "size": 9},
]
HELD = Held(Manifest(json.dumps({"layers": LAYERS}).encode(), KIND))
IMAGE = {
    "image": "tool:latest",
    "ref": "host:1/a/one:1",
    "engine": {"state": "current"},
    "registry": {"state": "absent"},
    "parents": ["base:latest"],
    "reason": "not pushed",
}


def page(*names: str, tag: str = "1") -> str:
    """The page of a registry whose repositories all hold the same image."""
    digest = HELD.top.digest
    shelves = [Repository(name, {tag: digest}, {digest: HELD}) for name in names]
    tagged = Tagged(tag, digest, ("linux/amd64",), HELD.size, "2026-11-24T00:00:00Z", {})
    return registry_page(Shown("host:1", shelves, {name: [tagged] for name in names}, [IMAGE]))


def test_repositories_tags_and_layers_are_there() -> None:
    """With who shares a layer, and the state of the project's own images."""
    text = page("a/one", "a/two")
    assert "2 repositories" in text
    assert text.count('class="shelf"') == 2
    assert "3.0 kB, also in a/two:1" in text
    assert '<td class="absent">absent' in text
    assert "not pushed" in text


def test_what_a_registry_says_is_text() -> None:
    """A name cannot become a part of the page."""
    text = page("a/<script>alert(1)</script>", tag='"><img src=x>')
    assert "<script>alert" not in text
    assert "<img" not in text


def test_nothing_is_asked_of_anybody() -> None:
    """No address outside the file, and a policy that forbids any."""
    text = html.unescape(page("a/one"))
    assert "default-src 'none'" in text
    assert not re.findall(r"(?:src|href)=|https?://|@import|url\(", text.replace("default-src", ""))


def test_an_empty_registry_has_a_page() -> None:
    """With nothing on it but the project."""
    assert "0 repositories" in page()
