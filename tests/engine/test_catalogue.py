"""Looking into a registry and taking things out of it, as a person does."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_world import BASE, Folder, World, docker, free_port
from registries import a_registry, a_token_server, an_index, small_image, untag

from invoke_buildx.engine.distribution import Registry
from invoke_buildx.service import answers_as_registry


@pytest.fixture(scope="module")
def shelf() -> Iterator[str]:
    """A registry for these tests; each uses repositories of its own."""
    with a_registry() as host:
        yield host


def test_our_tags_are_current_or_stale(folder: Folder, world: World) -> None:
    """And an image that somebody else has pushed there is not ours."""
    folder.image("shown", "FROM scratch\nLABEL a=1\nCOPY tasks.py /\n")
    folder.inv("build")
    small_image(Registry(world.registry), f"{world.namespace}/shown", "theirs")

    def rows() -> dict[str, tuple[bool, str]]:
        said = folder.inv("registry.tags", "--image", "shown", "--json").stdout
        return {row["tag"]: (row["ours"], row["state"]) for row in json.loads(said)}

    assert rows() == {"latest": (True, "current"), "theirs": (False, "")}
    folder.image("shown", "FROM scratch\nLABEL a=2\nCOPY tasks.py /\n")
    assert rows()["latest"] == (True, "stale")
    assert "shown" in folder.inv("registry.ls").stdout


def test_inspect_tells_layers_and_who_shares_them(folder: Folder, world: World) -> None:
    """Also of an index; labels, history and configuration are there for programs."""
    folder.image("one", f"FROM {BASE}\nLABEL a=b\nRUN echo 1 > /1\n")
    folder.image("two", 'FROM {{ ref("one") }}\nRUN echo 2 > /2\n')
    folder.inv("build", "--all")
    said = json.loads(folder.inv("registry.inspect", "--image", "one", "--json").stdout)
    assert said["labels"]["a"] == "b"
    assert [len(layer["shared_with"]) > 0 for layer in said["layers"]] == [True, True]
    assert f"{world.namespace}/two:latest" in said["layers"][1]["shared_with"]
    assert "echo 1" in said["layers"][1]["created_by"]
    text = folder.inv("registry.inspect", "--image", "one").stdout
    assert f"{world.namespace}/two:latest" in text
    assert said["digest"] in text


def test_an_index_shows_its_platforms(folder: Folder, shelf: str) -> None:
    """What says something of an image is not one of its platforms."""
    an_index(Registry(shelf), "wide/image", "1")
    said = folder.inv("registry.inspect", "--image", f"{shelf}/wide/image:1", "--json").stdout
    kinds = {one["platform"]: one["kind"] for one in json.loads(said)["manifests"]}
    assert kinds == {"linux/amd64": "image", "linux/arm64": "image", "": "attestation"}
    rows = folder.inv("registry.tags", "--image", f"{shelf}/wide/image").stdout
    assert "linux/amd64,linux/arm64" in rows


def test_what_is_not_there_has_a_nearest_name(folder: Folder, shelf: str) -> None:
    """For tags and for globs alike."""
    small_image(Registry(shelf), "near/by", "release-1")
    for task in (("registry.inspect",), ("registry.rm", "--yes")):
        failed = folder.inv(*task, "--image", f"{shelf}/near/by:relaese-1", code=2)
        assert "Did you mean 'release-1'?" in failed.stderr


def test_only_what_is_named_is_deleted_and_only_after_a_yes(folder: Folder, shelf: str) -> None:
    """A glob is shown first; a dry run prints the requests."""
    registry = Registry(shelf)
    for tag in ("1.0", "1.1", "2.0"):
        small_image(registry, "rm/some", tag, tag)
    words = ("registry.rm", "--image", f"{shelf}/rm/some:1.*")
    assert "add --yes" in folder.inv(*words, code=2).stderr
    dry = folder.inv("--dry", *words).stdout
    assert dry.count("curl --fail --silent --request DELETE http://") == 2
    assert registry.tags("rm/some") == ["1.0", "1.1", "2.0"]
    [done] = json.loads(folder.inv(*words, "--yes", "--json").stdout)
    assert (done["tags"], len(done["digests"]), done["stayed"]) == (["1.0", "1.1"], 2, [])
    assert registry.tags("rm/some") == ["2.0"]
    rows = json.loads(folder.inv("registry.du", "--registry", shelf, "--json").stdout)
    assert "rm/some" in [row["repository"] for row in rows]
    assert "(on disk)" not in [row["repository"] for row in rows]
    assert "Say which tag" in folder.inv("registry.rm", "--image", "rm/some", code=2).stderr
    assert "Say what to delete" in folder.inv("registry.rm", code=2).stderr


def test_a_tag_that_shares_its_manifest_stays_and_that_is_said(folder: Folder, shelf: str) -> None:
    """This registry can delete manifests only, and the other tag needs it."""
    registry = Registry(shelf)
    made = small_image(registry, "rm/shared", "keep", "same")
    small_image(registry, "rm/shared", "drop", "same")
    done = folder.inv("registry.rm", "--yes", "--image", f"{shelf}/rm/shared:drop")
    assert "rm/shared:drop stays: another tag has the same manifest" in done.stderr
    assert "Deleted" not in done.stderr
    assert registry.digest("rm/shared", "keep") == made.digest


def test_an_index_goes_with_what_it_names(folder: Folder, shelf: str) -> None:
    """But for a manifest that has a tag of its own."""
    registry = Registry(shelf)
    made = an_index(registry, "rm/index", "1")
    for tag in ("tmp-arm64", "tmp-said"):
        untag(shelf, "rm/index", tag)
    amd64, *others = [str(entry["digest"]) for entry in made.children]
    folder.inv("registry.rm", "--yes", "--image", f"{shelf}/rm/index:1")
    assert registry.tags("rm/index") == ["tmp-amd64"]
    assert registry.digest("rm/index", amd64) == amd64
    assert [registry.digest("rm/index", digest) for digest in others] == [None, None]


def test_prune_keeps_the_newest(folder: Folder, world: World) -> None:
    """And whatever is younger than was said."""
    folder.write(
        "invoke.yaml",
        (folder.path / "invoke.yaml").read_text()
        + "  images:\n    aged: {matrix: {v: ['1', '2', '3']}, tag: 'v{{ v }}'}\n",
    )
    folder.image("aged", f"FROM {BASE}\nRUN echo {{{{ v }}}} > /v\n")
    for tag in ("v1", "v2", "v3"):
        folder.inv("build", "--image", f"aged:{tag}")
    words = ("registry.prune", "--yes", "--image", "aged", "--keep", "1")
    assert "nothing to delete" in folder.inv(*words, "--older-than", "1h").stderr
    assert "--older-than wants" in folder.inv(*words, "--older-than", "soon", code=2).stderr
    folder.inv(*words)
    assert Registry(world.registry).tags(f"{world.namespace}/aged") == ["v3"]


def test_a_closed_catalogue_shows_what_the_project_knows(folder: Folder, tmp_path: Path) -> None:
    """As Docker Hub's; and says so."""
    keys = tmp_path / "keys"
    keys.mkdir()
    with a_token_server(keys) as (settings, _), a_registry(settings, keys) as host:
        folder.write("invoke.yaml", f"buildx: {{registry: '{host}', namespace: public}}\n")
        folder.image("mine", "FROM scratch\n")
        said = folder.inv("registry.ls")
        assert "shows nobody its list" in said.stderr
        assert "public/mine" in said.stdout


def test_the_page_is_one_file(folder: Folder, world: World) -> None:
    """With this project's images and everybody's repositories."""
    folder.image("paged", "FROM scratch\nCOPY tasks.py /\n")
    folder.inv("build")
    said = folder.inv("registry.browse", "--export", "page.html").stderr
    assert f"The page is {folder.path / 'page.html'}." in said
    text = (folder.path / "page.html").read_text()
    assert "paged:latest" in text
    assert f"{world.namespace}/paged" in text


@pytest.fixture
def own(folder: Folder) -> Iterator[tuple[Folder, str]]:
    """A project with a local registry of its own, which is up."""
    port = free_port()
    folder.write("invoke.yaml", f"buildx: {{registry: 'localhost:{port}', namespace: ibx-own}}\n")
    folder.inv("registry.up")
    yield folder, f"localhost:{port}"
    folder.inv("registry.down", "--volumes", "--yes")
    assert docker("volume", "ls", "-q", "-f", f"name=invoke-buildx-registry-{port}") == ""


def test_deleted_images_give_their_space_back(own: tuple[Folder, str]) -> None:
    """What no tag leads to is found on disk, an index is kept whole, gc says how much it gave."""
    folder, host = own
    registry = Registry(host)
    index = an_index(registry, "a/index", "1")
    name = f"invoke-buildx-registry-{host.partition(':')[2]}"
    top = "/var/lib/registry/docker/registry/v2/repositories/a/index/_manifests/tags"
    docker("exec", name, "sh", "-c", f"rm -r {top}/tmp-*")
    small_image(registry, "a/big", "1", "x" * 3_000_000)
    small_image(registry, "a/big", "1", "small")
    rows = {
        row["repository"]: row for row in json.loads(folder.inv("registry.du", "--json").stdout)
    }
    assert rows["(on disk)"]["size"] > 3_000_000 > rows["(all, shared once)"]["size"]
    elsewhere = ("registry.rm", "--untagged", "--registry", host)
    assert "Only the local registry" in folder.inv(*elsewhere, code=2).stderr
    assert (
        "nothing to delete"
        in folder.inv("registry.rm", "--untagged", "--yes", "--image", "a/index").stderr
    )
    dry = folder.inv("--dry", "registry.down", "--volumes")
    assert "gone" not in dry.stderr
    said = folder.inv("registry.rm", "--untagged", "--yes").stderr
    assert "1 untagged in a/big" in said
    assert "a/index" not in said
    freed = json.loads(folder.inv("registry.gc", "--json").stdout)
    assert freed["before"] > 3_000_000 > freed["after"]
    rows = {
        row["repository"]: row for row in json.loads(folder.inv("registry.du", "--json").stdout)
    }
    assert rows["(on disk)"]["size"] < 1_000_000
    assert registry.manifest("a/index", "1") == index
    assert registry.image_manifest("a/index", "1") is not None


def test_after_a_failed_collection_the_registry_is_back(own: tuple[Folder, str]) -> None:
    """Whatever the program says."""
    folder, host = own
    name = f"invoke-buildx-registry-{host.partition(':')[2]}"
    # Without a repository the program finds no folder to walk, and fails.
    docker("exec", name, "rm", "-rf", "/var/lib/registry/docker")
    folder.inv("registry.gc", code=1)
    assert answers_as_registry(host)


def test_data_goes_only_after_a_yes(own: tuple[Folder, str]) -> None:
    """`down` alone keeps it."""
    folder, host = own
    small_image(Registry(host), "a/b", "1")
    assert "add --yes" in folder.inv("registry.down", "--volumes", code=2).stderr
    folder.inv("registry.down")
    folder.inv("registry.up")
    assert "a/b" in folder.inv("registry.ls").stdout
    folder.inv("registry.down", "--volumes", "--yes")
    folder.inv("registry.up")
    assert folder.inv("registry.ls").stdout == "(none)\n"
