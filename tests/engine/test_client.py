"""The registry client against the real program: logins, tokens, TLS, pages, refusals."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_world import Folder
from registries import (
    LOGIN,
    a_registry,
    a_token_server,
    htpasswd,
    in_registry,
    small_image,
    tls,
)

from invoke_buildx.copying import Place, copy
from invoke_buildx.engine.command import Shell
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.errors import EngineError
from invoke_buildx.project.manifest import Blob, digest_of
from invoke_buildx.project.reference import Reference
from invoke_buildx.project.settings import RegistrySettings


@pytest.fixture
def alice(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has logged in wherever tests listen."""
    return {"DOCKER_CONFIG": str(tmp_path / "docker"), "HOME": str(tmp_path)}


def log_in(environ: dict[str, str], host: str) -> None:
    """As docker login writes it."""
    folder = Path(environ["DOCKER_CONFIG"])
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": LOGIN}}}))


def test_a_password_is_sent_when_it_is_asked_for(tmp_path: Path, alice: dict[str, str]) -> None:
    """Without it, the error names docker login."""
    with a_registry(htpasswd(tmp_path), tmp_path) as host:
        with pytest.raises(EngineError, match=f"docker login {host}"):
            Registry(host, alice).repositories()
        log_in(alice, host)
        registry = Registry(host, alice)
        made = small_image(registry, "a/b", "1")
        assert registry.repositories() == ["a/b"]
        assert registry.manifest("a/b", "1") == made


def test_a_token_is_had_for_each_repository(tmp_path: Path, alice: dict[str, str]) -> None:
    """And once only, for reading and for writing; the catalogue stays closed."""
    with a_token_server(tmp_path) as (settings, asked), a_registry(settings, tmp_path) as host:
        stranger = Registry(host, {"DOCKER_CONFIG": str(tmp_path / "nobody")})
        with pytest.raises(EngineError, match="docker login"):
            stranger.tags("a/b")
        log_in(alice, host)
        registry = Registry(host, alice)
        small_image(registry, "a/b", "1")
        small_image(registry, "a/public", "1")
        assert registry.repositories() is None
        assert [tag for _ in range(3) for tag in registry.tags("a/b")] == ["1"] * 3
        assert stranger.tags("a/public") == ["1"]
        wanted = [scope for scope in asked if scope.startswith("repository:a/b:")]
        assert len(wanted) == 3  # the stranger's, one to write, one to read


def test_a_blob_is_mounted_with_a_token_for_both(tmp_path: Path, alice: dict[str, str]) -> None:
    """Nothing is sent twice to one registry."""
    with a_token_server(tmp_path) as (settings, asked), a_registry(settings, tmp_path) as host:
        log_in(alice, host)
        registry = Registry(host, alice)
        made = small_image(registry, "a/b", "1")
        old, new = (Place(registry, Reference(host, path, "1")) for path in ("a/b", "c/d"))
        done = copy(old, new, Shell())
        assert done is not None
        assert (done.digest, done.sent) == (made.digest, 0)
        assert "repository:a/b:pull" in asked


def test_tls_by_a_ca_of_ones_own(tmp_path: Path, alice: dict[str, str]) -> None:
    """A CA that is named is believed, and no other."""
    with a_registry(tls(tmp_path), tmp_path) as host:
        ca = str(tmp_path / "ca.pem")
        registry = Registry(host, alice, RegistrySettings(ca=ca))
        small_image(registry, "a/b", "1")
        assert registry.repositories() == ["a/b"]
        other = tmp_path / "other"
        other.mkdir()
        tls(other)
        with pytest.raises(EngineError, match=r"SSLCertVerificationError\)\. Name its CA"):
            Registry(host, alice, RegistrySettings(ca=str(other / "ca.pem"))).repositories()
        with pytest.raises(EngineError, match=r"certificates for .* cannot be used"):
            Registry(host, alice, RegistrySettings(ca=str(tmp_path / "none"))).repositories()


def test_a_client_certificate_is_shown(tmp_path: Path, alice: dict[str, str]) -> None:
    """A registry that wants one lets nobody else in."""
    with a_registry(tls(tmp_path, client=True), tmp_path) as host:
        ca, mine = str(tmp_path / "ca.pem"), str(tmp_path / "client.pem")
        small_image(Registry(host, alice, RegistrySettings(ca=ca, cert=mine)), "a/b", "1")
        with pytest.raises(EngineError, match="cannot be reached"):
            Registry(host, alice, RegistrySettings(ca=ca)).repositories()


@pytest.fixture(scope="module")
def crowd() -> Iterator[str]:
    """A registry with 1,200 repositories, and 1,500 tags in one of them."""
    with a_registry({"STORAGE_DELETE_ENABLED": "true"}) as host:
        small_image(Registry(host), "many/r0", "latest")
        in_registry(host, "cd many && for i in $(seq 1199); do cp -a r0 r$i; done")
        in_registry(
            host, "cd many/r0/_manifests/tags && for i in $(seq 1499); do cp -a latest t$i; done"
        )
        yield host


def test_every_page_is_read(crowd: str, folder: Folder) -> None:
    """Of the catalogue and of a list of tags; sizes of so many only when asked for."""
    listed = folder.inv("registry.ls", "--registry", crowd, "--json")
    found = {row["repository"]: row["tags"] for row in json.loads(listed.stdout)}
    assert len(found) == 1200
    assert found["many/r0"] == 1500
    assert "--sizes" in listed.stderr
    tags = folder.inv("registry.tags", "--image", f"{crowd}/many/r0", "--json")
    assert len(json.loads(tags.stdout)) == 1500


def test_a_manifest_with_other_bytes_is_never_taken(crowd: str) -> None:
    """A damaged blob is named as such; the registry itself refuses a damaged manifest."""
    registry = Registry(crowd)
    made = small_image(registry, "bad/image", "1", "good text")
    store = "/var/lib/registry/docker/registry/v2/blobs/sha256"
    for digest in (made.digest, made.layers[0].digest):
        hexes = digest.removeprefix("sha256:")
        path = f"{store}/{hexes[:2]}/{hexes}/data"
        in_registry(crowd, f"sed -i 's/good/baad/; s/schemaVersion/schemaVersiom/' {path}")
    with pytest.raises(EngineError, match="answered 500"):
        registry.manifest("bad/image", made.digest)
    with pytest.raises(EngineError, match="is damaged"):
        list(registry.blob("bad/image", made.layers[0]))


def test_an_upload_that_breaks_off_leaves_nothing_that_is_seen(crowd: str) -> None:
    """And the next one goes well."""
    registry, data = Registry(crowd), b"x" * 3_000_000
    blob = Blob(digest_of(data), len(data))

    def half() -> Iterator[bytes]:
        yield data[: len(data) // 2]
        raise RuntimeError("the line is gone")

    with pytest.raises(RuntimeError):
        registry.upload("broken/off", blob, half(), None)
    assert not registry.has_blob("broken/off", blob.digest)
    registry.upload("broken/off", blob, iter([data]), None)
    assert b"".join(registry.blob("broken/off", blob)) == data


def test_what_may_not_be_done_is_said(tmp_path: Path) -> None:
    """A read-only registry, and one that deletes nothing."""
    with (
        a_registry({"STORAGE_MAINTENANCE_READONLY": "{enabled: true}"}) as host,
        pytest.raises(EngineError, match="answered 405"),
    ):
        small_image(Registry(host), "a/b", "1")
    with a_registry({"STORAGE_DELETE_ENABLED": "false"}) as host:
        registry = Registry(host)
        made = small_image(registry, "a/b", "1")
        with pytest.raises(EngineError, match="does not allow deleting"):
            registry.delete("a/b", made.digest)


def test_skopeo_sees_the_same(crowd: str, skopeo: str) -> None:
    """A second opinion on digests."""
    made = small_image(Registry(crowd), "second/opinion", "1")
    said = subprocess.run(
        [skopeo, "inspect", "--tls-verify=false", "--raw", f"docker://{crowd}/second/opinion:1"],
        capture_output=True,
        check=True,
    ).stdout
    assert digest_of(said) == made.digest
