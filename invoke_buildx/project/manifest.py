"""Manifests and indexes of images as registries keep them, read from their exact bytes.

Rules: the OCI image specification 1.1 (manifest.md, image-index.md) and Docker's schema 2, which
has the same fields under other media types.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ATTESTATION = "vnd.docker.reference.type"  # an annotation of an index's entry


@dataclass(frozen=True)
class Blob:
    """A part of an image: its digest, and its size in bytes as it is stored."""

    digest: str
    size: int
    media_type: str = ""


@dataclass(frozen=True)
class Manifest:
    """One manifest or index: its bytes are what its digest is of."""

    body: bytes
    media_type: str

    @cached_property
    def digest(self) -> str:
        """`sha256:…` of the bytes."""
        return digest_of(self.body)

    @cached_property
    def data(self) -> dict[str, Any]:
        """The bytes as JSON. Raises `ValueError`."""
        return dict(json.loads(self.body))

    @property
    def is_index(self) -> bool:
        """Whether it only names other manifests, one a platform."""
        return "manifests" in self.data

    @property
    def children(self) -> list[dict[str, Any]]:
        """The entries of an index."""
        return list(self.data.get("manifests") or ())

    @property
    def images(self) -> list[dict[str, Any]]:
        """The entries of an index that are images, no attestations of one."""
        return [entry for entry in self.children if not is_attestation(entry)]

    @property
    def config(self) -> Blob | None:
        """The configuration of a single image."""
        found = self.data.get("config")
        return _blob(found) if found else None

    @property
    def layers(self) -> list[Blob]:
        """The layers of a single image, the base's first."""
        return [_blob(entry) for entry in self.data.get("layers") or ()]

    @property
    def blobs(self) -> list[Blob]:
        """Everything that a single image needs beside the manifest itself."""
        return [*([self.config] if self.config else []), *self.layers]


def digest_of(data: bytes) -> str:
    """`sha256:…` of these bytes."""
    return f"sha256:{sha256(data).hexdigest()}"


def is_attestation(entry: dict[str, Any]) -> bool:
    """Whether an index's entry says something of an image instead of being one."""
    return ATTESTATION in (entry.get("annotations") or {})


def platform_of(entry: dict[str, Any]) -> str:
    """`linux/arm64/v8` of an index's entry or a configuration."""
    found = entry.get("platform") or entry
    words = (found.get("os"), found.get("architecture"), found.get("variant"))
    return "/".join(str(word) for word in words if word)


def _blob(entry: dict[str, Any]) -> Blob:
    return Blob(str(entry["digest"]), int(entry.get("size") or 0), str(entry.get("mediaType", "")))
