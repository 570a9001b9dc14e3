"""Image references and builder names."""

import pytest

from invoke_buildx.errors import UsageError
from invoke_buildx.project.reference import (
    Reference,
    image_builder_name,
    is_loopback,
    parse_reference,
    project_builder_name,
    slug,
)

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("debian", Reference("docker.io", "library/debian")),
        ("debian:bookworm", Reference("docker.io", "library/debian", "bookworm")),
        ("docker.io/debian", Reference("docker.io", "library/debian")),
        ("moby/buildkit:x", Reference("docker.io", "moby/buildkit", "x")),
        ("localhost:5000/a/b:t", Reference("localhost:5000", "a/b", "t")),
        ("localhost/a", Reference("localhost", "a")),
        ("ghcr.io/a/b/c", Reference("ghcr.io", "a/b/c")),
        ("[::1]:5000/a:t", Reference("[::1]:5000", "a", "t")),
        (f"ghcr.io/a:t@{DIGEST}", Reference("ghcr.io", "a", "t", DIGEST)),
        (f"a@{DIGEST}", Reference("docker.io", "library/a", None, DIGEST)),
        ("a__b/c--d.e_f", Reference("docker.io", "a__b/c--d.e_f")),
    ],
)
def test_references_are_read_as_docker_reads_them(text: str, expected: Reference) -> None:
    """Host, path, tag and digest come out as the distribution project splits them."""
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Swiss/Knife", "such as 'knife'"),
        ("localhost:5000/Swiss", "must be lower case, such as 'swiss'"),
        ("a:", "the tag is empty"),
        ("a:" + "t" * 129, "the tag has 129 characters"),
        ("a:-x", "the tag '-x'"),
        ("", "the name is empty"),
        ("a//b", "'' must be"),
        ("a/-b", "'-b' must be"),
        ("a@sha256:12", "no digest"),
        ("f" * 64, "image id"),
        ("localhost:5000/" + "a" * 256, "256 characters"),
        ("[::g]:5000/a", "no host name"),
    ],
)
def test_impossible_references_are_refused_with_the_rule(text: str, reason: str) -> None:
    """The message says which rule of the grammar the text breaks."""
    with pytest.raises(UsageError) as caught:
        parse_reference(text)
    assert reason in str(caught.value)
    assert caught.value.code == 2


def test_a_reference_is_written_as_it_was_read() -> None:
    """Parsing and writing are inverse, and Docker's default tag is supplied on demand."""
    text = f"ghcr.io/a/b:t@{DIGEST}"
    assert str(parse_reference(text)) == text
    assert str(parse_reference("ghcr.io/a").canonical()) == "ghcr.io/a:latest"


def test_loopback_hosts_are_told_from_others() -> None:
    """Only names and addresses of this machine count as local."""
    assert all(is_loopback(host) for host in ("localhost", "localhost:5000", "127.0.0.1:1"))
    assert all(is_loopback(host) for host in ("[::1]", "[::1]:5000"))
    assert not any(is_loopback(host) for host in ("ghcr.io", "localhost.example:5000", "10.0.0.1"))


def test_a_slug_may_stand_in_a_tag() -> None:
    """What a tag may not hold becomes one dash."""
    assert slug("debian:bookworm") == "debian-bookworm"
    assert slug("-A  b/") == "a-b"


def test_the_builder_of_an_image_is_called_as_in_the_seed() -> None:
    """Namespace, name and tag are joined by two underscores."""
    reference = parse_reference("localhost:5000/crazychenz/swiss-knife:ubuntu-20.04")
    assert image_builder_name(reference) == "crazychenz__swiss-knife__ubuntu-20.04"
    assert project_builder_name("crazychenz") == "crazychenz"


def test_two_images_never_share_a_builder_name() -> None:
    """Where joining is ambiguous, or buildx ignores case, a hash keeps names apart."""
    texts = ["h.x/a__b/c:t", "h.x/a/b__c:t", "h.x/a/b/c:t", "h.x/a/b:T", "h.x/a/b:t", "h.x/a/b:_t"]
    names = [image_builder_name(parse_reference(text)) for text in texts]
    assert len({name.lower() for name in names}) == len(texts)
    assert all(name == name.lower() and name[0].isalpha() for name in names)
    assert project_builder_name("3d").startswith("b_3d_")
