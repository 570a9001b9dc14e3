"""What is told of a registry's repositories."""

import json

from invoke_buildx.catalogue import Held, Repository, layers_of, sharing, stored_sizes
from invoke_buildx.project.manifest import Manifest

KIND = "application/vnd.oci.image.manifest.v1+json"


def image(*layers: str) -> Held:
    """An image with these layers of ten bytes each."""
    body = {"layers": [{"digest": f"sha256:{name}", "size": 10} for name in layers]}
    return Held(Manifest(json.dumps(body).encode(), KIND))


def repository(name: str, **tags: Held) -> Repository:
    """A repository with these tags."""
    digests = {tag: held.top.digest for tag, held in tags.items()}
    return Repository(name, digests, {held.top.digest: held for held in tags.values()})


def test_sizes_count_what_is_shared_once() -> None:
    """`own` is what would be free without that repository."""
    base, child = image("base"), image("base", "more")
    found = stored_sizes([repository("a", x=base), repository("b", y=child)], 1000)
    own = len(base.top.body), len(child.top.body) + 10
    assert found["a"] == {"size": own[0] + 10, "own": own[0]}
    assert found["b"] == {"size": own[1] + 10, "own": own[1]}
    once = sum(own) + 10
    assert found["(all, shared once)"]["size"] == once
    assert found["(on disk)"] == {"size": 1000, "own": 1000 - once}


def test_a_layer_names_who_else_holds_it() -> None:
    """Not the image itself; what made it comes from the history without empty layers."""
    base, child = image("base"), image("base", "more")
    shared = sharing([repository("a", x=base), repository("b", y=child)], "b:y")
    history = [
        {"created_by": "FROM"},
        {"created_by": "ENV", "empty_layer": True},
        {"created_by": "RUN"},
    ]
    rows = layers_of(child.top, {"history": history}, shared)
    assert [(row["created_by"], row["shared_with"]) for row in rows] == [
        ("FROM", ["a:x"]),
        ("RUN", []),
    ]
