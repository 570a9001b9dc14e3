"""Copies between registries and mirrors of other people's images."""

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest
from engine_world import BASE, Folder, World, docker
from registries import a_breaking_proxy, a_registry, an_index, in_registry, small_image

from invoke_buildx.copying import Copied, Place, copy
from invoke_buildx.engine.command import Shell
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.engine.transport import BLOCK
from invoke_buildx.errors import EngineError
from invoke_buildx.project.manifest import digest_of
from invoke_buildx.project.reference import Reference


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[str, str]]:
    """Two registries."""
    with a_registry() as first, a_registry() as second:
        yield first, second


def place(host: str, repository: str, tag: str) -> Place:
    """An image there."""
    return Place(Registry(host), Reference(host, repository, tag))


def test_every_platform_arrives_byte_by_byte(
    folder: Folder, pair: tuple[str, str], skopeo: str
) -> None:
    """Skopeo sees the same digests on both sides; a second copy sends nothing."""
    first, second = pair
    index = an_index(Registry(first), "a/wide", "1")
    words = ("registry.copy", f"{first}/a/wide:1", f"{second}/b/wide:2")
    dry = folder.inv("--dry", *words).stdout
    assert dry == f"skopeo copy --all docker://{first}/a/wide:1 docker://{second}/b/wide:2\n"
    assert index.digest in folder.inv(*words).stderr
    said = subprocess.run(
        [skopeo, "inspect", "--tls-verify=false", "--raw", f"docker://{second}/b/wide:2"],
        capture_output=True,
        check=True,
    ).stdout
    assert digest_of(said) == index.digest
    for entry in index.children:
        assert Registry(second).digest("b/wide", entry["digest"]) == entry["digest"]
    assert "0 B sent" in folder.inv(*words).stderr
    done = json.loads(folder.inv(*words, "--json").stdout)
    assert done == {"digest": index.digest, "sent": 0, "spared": 0}


def test_within_a_registry_blobs_are_mounted(pair: tuple[str, str]) -> None:
    """Nothing goes over the wire."""
    first, _ = pair
    made = small_image(Registry(first), "m/from", "1", "some text")
    done = copy(place(first, "m/from", "1"), place(first, "m/to", "1"), Shell())
    size = sum(blob.size for blob in made.blobs)
    assert done == Copied(made.digest, 0, size)


def test_a_copy_that_broke_off_goes_on_where_it_was(pair: tuple[str, str]) -> None:
    """What has arrived is not sent again, and no tag has appeared too early."""
    first, second = pair
    made = small_image(Registry(first), "r/from", "1", "layer that is lost")
    layer = made.layers[0].digest.removeprefix("sha256:")
    path = f"../blobs/sha256/{layer[:2]}/{layer}/data"
    in_registry(first, f"mv {path} /tmp/lost")
    with pytest.raises(EngineError):
        copy(place(first, "r/from", "1"), place(second, "r/to", "1"), Shell())
    assert Registry(second).tags("r/to") == []
    in_registry(first, f"mv /tmp/lost {path}")
    done = copy(place(first, "r/from", "1"), place(second, "r/to", "1"), Shell())
    assert made.config is not None
    assert done == Copied(made.digest, made.layers[0].size, made.config.size)


def test_a_blob_that_breaks_off_is_taken_up_where_it_was(pair: tuple[str, str]) -> None:
    """And given up where that does not help."""
    first, second = pair
    made = small_image(Registry(first), "p/from", "1", "x" * 4_000_000)
    with a_breaking_proxy(first, 1_500_000) as (proxy, ranges):
        done = copy(place(proxy, "p/from", "1"), place(second, "p/to", "1"), Shell())
    assert done == Copied(made.digest, sum(blob.size for blob in made.blobs), 0)
    assert [f"bytes={blocks * BLOCK}-" for blocks in (1, 2, 3)] == sorted(filter(None, ranges))
    with (
        a_breaking_proxy(first, 100_000) as (proxy, _),
        pytest.raises(EngineError, match="broke off in p/from again and again"),
    ):
        copy(place(proxy, "p/from", "1"), place(second, "p/never", "1"), Shell())


def test_ctrl_c_ends_a_copy_at_once(folder: Folder, pair: tuple[str, str]) -> None:
    """With 130, and nothing under the new name."""
    first, second = pair
    small_image(Registry(first), "c/from", "1", "x" * 300_000_000)
    words = ("registry.copy", f"{first}/c/from:1", f"{second}/c/to:1")
    with folder.started(*words, until=b"copying") as running:
        running.send_signal(signal.SIGINT)
        assert running.wait() == 130
    assert Registry(second).tags("c/to") == []


def test_a_damaged_blob_is_not_passed_on(pair: tuple[str, str]) -> None:
    """The copy ends with what is wrong, and the target holds nothing of it."""
    first, second = pair
    made = small_image(Registry(first), "d/from", "1", "good text")
    layer = made.layers[0].digest.removeprefix("sha256:")
    in_registry(first, f"sed -i s/good/baad/ ../blobs/sha256/{layer[:2]}/{layer}/data")
    with pytest.raises(EngineError, match="is damaged"):
        copy(place(first, "d/from", "1"), place(second, "d/to", "1"), Shell())
    assert Registry(second).tags("d/to") == []
    assert not Registry(second).has_blob("d/to", made.layers[0].digest)


def test_what_is_not_there_cannot_be_copied(folder: Folder, pair: tuple[str, str]) -> None:
    """A sentence, and exit code 2."""
    first, second = pair
    failed = folder.inv("registry.copy", f"{first}/no/such:1", f"{second}/a/b:1", code=2)
    assert "is not in its registry" in failed.stderr


def test_a_base_is_mirrored_from_the_engine(folder: Folder, world: World) -> None:
    """Where its own registry cannot be reached; builds then find it here."""
    docker("tag", BASE, "ibx-only/here:1")
    try:
        done = folder.inv("registry.mirror", "--image", "ibx-only/here:1")
    finally:
        docker("rmi", "ibx-only/here:1")
    assert f"mirrored as {world.registry}/ibx-only/here:1" in done.stderr
    assert Registry(world.registry).digest("ibx-only/here", "1")
    failed = folder.inv("registry.mirror", "--image", "ibx-only/nowhere:1", code=1)
    assert "ibx-only/nowhere:1 cannot be had" in failed.stderr


def test_an_image_of_another_registry_is_mirrored_without_the_engine(
    folder: Folder, world: World, pair: tuple[str, str]
) -> None:
    """Every platform of it, under its own path."""
    index = an_index(Registry(pair[0]), "vendor/tool", "3")
    folder.inv("registry.mirror", "--image", f"{pair[0]}/vendor/tool:3")
    assert Registry(world.registry).digest("vendor/tool", "3") == index.digest
