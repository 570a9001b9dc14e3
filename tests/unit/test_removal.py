"""What goes from a registry and what must stay."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from invoke_buildx.catalogue import Held, Repository, Tagged, created_at, whole
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.errors import UsageError
from invoke_buildx.project.manifest import Manifest
from invoke_buildx.removal import older_tags, plan_removal, plan_untagged, tags_matching

KIND = "application/vnd.oci.image.manifest.v1+json"
A, B, C = (Manifest(json.dumps({"layers": [], "name": name}).encode(), KIND) for name in "abc")
INDEX = Manifest(
    json.dumps({"manifests": [{"digest": A.digest}, {"digest": B.digest}]}).encode(), KIND
)
WIDE = Held(INDEX, (A, B))


def repository(**tags: Held) -> Repository:
    """A repository with these tags."""
    digests = {tag: held.top.digest for tag, held in tags.items()}
    return Repository("r", digests, {held.top.digest: held for held in tags.values()})


def test_an_index_goes_before_what_it_names() -> None:
    """So that nothing ever refers to what is gone."""
    found = plan_removal(repository(wide=WIDE), ["wide"])
    assert found.digests == (INDEX.digest, A.digest, B.digest)
    assert (found.tags, found.shared) == (("wide",), ())


def test_what_another_tag_needs_stays() -> None:
    """By itself or as a part of an index."""
    held = repository(wide=WIDE, single=Held(A), other=Held(C))
    assert plan_removal(held, ["wide"]).digests == (INDEX.digest, B.digest)
    alone = plan_removal(held, ["single"])
    assert (alone.digests, alone.shared) == ((), ("single",))


def test_tags_that_share_a_manifest_go_together() -> None:
    """When all of them are named."""
    held = repository(one=Held(A), two=Held(A))
    both = plan_removal(held, ["one", "two"])
    assert (both.digests, both.tags, both.shared) == ((A.digest,), ("one", "two"), ())
    assert plan_removal(held, ["one"]).shared == ("one",)


class Nested(Registry):
    """An index that names an index."""

    def __init__(self) -> None:
        """By their digests."""
        super().__init__("localhost:1")

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """One of four, or nothing."""
        return {one.digest: one for one in (INDEX, A, B)}.get(reference)


def test_what_is_deep_in_an_index_is_needed_too() -> None:
    """Else it would count as untagged."""
    entry = {"manifests": [{"digest": INDEX.digest}, {"digest": "sha256:lost"}]}
    top = Manifest(json.dumps(entry).encode(), KIND)
    deep = whole(Nested(), "r", top)
    assert deep.manifests == (top, INDEX, A, B)
    every = [INDEX.digest, A.digest, B.digest, C.digest]
    assert plan_untagged(repository(deep=deep), every).digests == (C.digest,)


def test_untagged_is_what_no_tag_leads_to() -> None:
    """A part of an index is led to."""
    every = [INDEX.digest, A.digest, B.digest, C.digest]
    assert plan_untagged(repository(wide=WIDE), every).digests == (C.digest,)


def test_a_pattern_that_matches_nothing_is_a_mistake() -> None:
    """With the nearest tag."""
    held = repository(release=Held(A), nightly=Held(B))
    assert tags_matching(held, "*") == ["release", "nightly"]
    with pytest.raises(UsageError, match="Did you mean 'nightly'"):
        tags_matching(held, "nightyl")


def test_only_dated_tags_beyond_the_newest_and_older_than_that() -> None:
    """Both must be so; an image without a date, or made reproducibly, is kept."""
    now = datetime(2026, 11, 24, tzinfo=UTC)
    dates = ["2026-11-23T00:00:00.123456789Z", "2026-11-01T00:00:00Z", "2026-10-01T00:00:00Z"]
    dates += ["", "1970-01-01T00:00:00Z", "nonsense"]
    tags = [Tagged(str(i), "", (), 0, date, {}) for i, date in enumerate(dates)]
    assert older_tags(tags, 1, timedelta(0), now) == ["1", "2"]
    assert older_tags(tags, 0, timedelta(days=30), now) == ["2"]
    assert older_tags(tags, 5, timedelta(0), now) == []
    assert created_at("2026-11-01T00:00:00Z") == datetime(2026, 11, 1, tzinfo=UTC)
