"""Copying 1.5 GB from one registry to another: against skopeo, with the memory that it takes."""

import hashlib
import json
import resource
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import compare, facts, sh, shell
from registries import a_registry

from invoke_buildx.engine.distribution import Registry
from invoke_buildx.project.manifest import Blob, Manifest

LAYERS, SIZE, BLOCK = 3, 500_000_000, 1 << 20
KIND = "application/vnd.oci.image"
SKOPEO_CACHE = "/var/lib/containers/cache/blob-info-cache-v1.*"


def layer(seed: bytes) -> Iterator[bytes]:
    """Bytes that nothing compresses, the same for the same seed."""
    block = hashlib.shake_256(seed).digest(BLOCK)
    for start in range(0, SIZE, BLOCK):
        yield block[: SIZE - start]


def big_image(host: str) -> None:
    """An image of three large layers at `big/image:1`."""
    registry, entries = Registry(host), []
    for data in (None, *(secrets.token_bytes(8) for _ in range(LAYERS))):
        digest = hashlib.sha256(b"{}") if data is None else hashlib.sha256()
        for block in () if data is None else layer(data):
            digest.update(block)
        blob = Blob(f"sha256:{digest.hexdigest()}", 2 if data is None else SIZE)
        registry.upload("big/image", blob, iter([b"{}"]) if data is None else layer(data), None)
        kind = "config.v1+json" if data is None else "layer.v1.tar"
        entries.append({"digest": blob.digest, "size": blob.size, "mediaType": f"{KIND}.{kind}"})
    kind = f"{KIND}.manifest.v1+json"
    body = {"schemaVersion": 2, "mediaType": kind, "config": entries[0], "layers": entries[1:]}
    registry.put("big/image", "1", Manifest(json.dumps(body).encode(), kind))


def main() -> None:
    """Each turn copies to a repository that is new in a registry that is empty."""
    facts()
    with a_registry() as source, TemporaryDirectory() as folder:
        Path(folder, "tasks.py").write_text(
            "from invoke_buildx import collection\n\nnamespace = collection()\n"
        )
        big_image(source)
        names = {"skopeo": "", "ours": ""}

        def empty(way: str) -> None:
            sh(f"rm -f {SKOPEO_CACHE}")
            names[way] = secrets.token_hex(4)

        def skopeo(_: int) -> None:
            with a_registry() as target:
                plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
                ends = [
                    f"docker://{source}/big/image:1",
                    f"docker://{target}/x/{names['skopeo']}:1",
                ]
                shell(["skopeo", "copy", "--all", *plain, *ends])

        def ours(_: int) -> None:
            with a_registry() as target:
                ends = [f"{source}/big/image:1", f"{target}/x/{names['ours']}:1"]
                argv = [sys.executable, "-m", "invoke", "registry.copy", *ends]
                shell(argv, cwd=Path(folder))
                peaks.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)

        peaks: list[int] = []
        before = {name: (lambda _, name=name: empty(name)) for name in names}
        compare("copy of 1.5 GB", {"skopeo": skopeo, "ours": ours}, 5, before=before)
        # The largest child of all, skopeo's included, so an upper bound.
        print(f"memory, at most: {max(peaks) / 1000:.0f} MB")


if __name__ == "__main__":
    main()
