"""The registry API v2: what a registry holds, what is put there and taken away.

Rules: the OCI distribution specification 1.1.
"""

import os
import re
from collections.abc import Generator, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from invoke_buildx.engine.connection import Answer
from invoke_buildx.engine.transport import BLOCK, Transport
from invoke_buildx.errors import EngineError
from invoke_buildx.project.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Blob,
    Manifest,
    is_attestation,
)
from invoke_buildx.project.platforms import own_platform
from invoke_buildx.project.settings import RegistrySettings

if TYPE_CHECKING:
    import requests

PAGE = 1000
MOST_IN_VAIN = 4  # tries in a row that bring nothing of a blob
ACCEPT = {"Accept": ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))}
REFUSED = (401, 403, 404, 405)


class Registry:
    """One registry host."""

    def __init__(
        self,
        host: str,
        environ: Mapping[str, str] = os.environ,
        access: RegistrySettings | None = None,
    ) -> None:
        self.host = host
        self.transport = Transport(host, environ, access)

    def repositories(self) -> list[str] | None:
        """Every repository of the catalogue, page by page; None where nobody may see it."""
        path = f"/v2/_catalog?n={PAGE}"
        first = self.transport.ask("GET", path)
        # A token that does not reach that far is a refusal; no password at all is a mistake.
        wants_password = first.headers.get("WWW-Authenticate", "").lower().startswith("basic")
        if first.status in REFUSED and not (first.status == 401 and wants_password):
            return None
        pages = self._pages(path, first)
        return [name for page in pages for name in page.get("repositories") or ()]

    def tags(self, repository: str) -> list[str]:
        """Every tag of a repository, none if it is unknown or empty."""
        path = f"/v2/{repository}/tags/list?n={PAGE}"
        pages = self._pages(path, self.transport.ask("GET", path))
        return sorted(tag for page in pages for tag in page.get("tags") or ())

    def digest(self, repository: str, reference: str) -> str | None:
        """The digest of a tag's manifest, None when the registry does not hold it."""
        answer = self._ask("HEAD", f"/v2/{repository}/manifests/{reference}", ACCEPT)
        return None if answer is None else answer.headers.get("Docker-Content-Digest")

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """The manifest or index of a tag or digest, None when the registry does not hold it.

        Raises `EngineError` where its bytes are not those of its digest.
        """
        answer = self._ask("GET", f"/v2/{repository}/manifests/{reference}", ACCEPT)
        if answer is None:
            return None
        found = Manifest(answer.body, answer.headers.get("Content-Type", "").partition(";")[0])
        said = reference if ":" in reference else answer.headers.get("Docker-Content-Digest")
        self._must_be(found.digest, said, repository)
        return found

    def image_manifest(self, repository: str, reference: str) -> Manifest | None:
        """As `manifest`; of an index, that of the image for this machine, else of its first."""
        found = self.manifest(repository, reference)
        if found is None or not found.is_index:
            return found
        return self.manifest(repository, _one_of(found.children)) if found.children else None

    def config(self, repository: str, reference: str) -> dict[str, Any]:
        """The configuration of the image of that tag or digest, its digest as `id`."""
        manifest = self.image_manifest(repository, reference)
        return self.config_of(repository, manifest) if manifest else {}

    def config_of(self, repository: str, manifest: Manifest) -> dict[str, Any]:
        """The configuration that a single image's manifest names, its digest as `id`."""
        if manifest.config is None:
            return {}
        digest = manifest.config.digest
        answer = self._ask("GET", f"/v2/{repository}/blobs/{digest}")
        if answer is None:
            return {}
        self._must_be(f"sha256:{sha256(answer.body).hexdigest()}", digest, repository)
        return {"id": digest, **answer.json()}

    def delete(self, repository: str, reference: str) -> bool:
        """Delete a manifest by digest, or a tag where the registry can; False if it cannot."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.transport.ask("DELETE", path)
        if answer.status in (400, 405) and ":" not in reference:
            return False
        if answer.status == 405:
            raise EngineError(
                f"The registry {self.host} does not allow deleting."
                " A registry:2 does with REGISTRY_STORAGE_DELETE_ENABLED=true."
            )
        if answer.status >= 400 and answer.status != 404:
            raise self.transport.failure(answer, path)
        return True

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a repository holds that blob."""
        return self._ask("HEAD", f"/v2/{repository}/blobs/{digest}") is not None

    def blob(self, repository: str, blob: Blob) -> Generator[bytes, None, None]:
        """A blob's bytes as they come; what breaks off is taken up again where it was.

        Raises `EngineError`, at their end if they are not the blob's own.
        """
        from requests import RequestException

        seen, got, in_vain = sha256(), 0, 0
        while True:
            start = got
            try:
                for block in self._part(f"/v2/{repository}/blobs/{blob.digest}", start):
                    seen.update(block)
                    got += len(block)
                    yield block
                break
            except RequestException as problem:
                in_vain = 0 if got > start else in_vain + 1
                if in_vain == MOST_IN_VAIN:
                    raise EngineError(
                        f"The registry {self.host} broke off in {repository} again and again"
                        f" ({type(problem).__name__})."
                    ) from None
        self._must_be(f"sha256:{seen.hexdigest()}", blob.digest, repository)

    def mount(self, repository: str, digest: str, source: str) -> str | None:
        """Take a blob over from another repository; None if done, else where to upload it."""
        return self._begin(repository, "?" + urlencode({"mount": digest, "from": source}))

    def upload(self, repository: str, blob: Blob, data: Iterator[bytes], place: str | None) -> None:
        """Send a blob to a place that `mount` has named, or to a new one."""
        place = place or self._begin(repository, "")
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
        try:
            with self.transport.open("PATCH", str(place), headers, _Sized(data, blob.size)) as sent:
                self._must_be_good(sent, str(place))
                place = sent.headers.get("Location", place)
        except BaseException:
            self.transport.ask("DELETE", str(place))
            raise
        mark = "&" if "?" in str(place) else "?"
        path = f"{place}{mark}digest={quote(blob.digest)}"
        answer = self.transport.ask("PUT", path, body=b"")
        if answer.status != 201:
            raise self.transport.failure(answer, path)

    def put(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Store a manifest under a tag or under its digest, byte by byte as it is."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.transport.ask(
            "PUT", path, {"Content-Type": manifest.media_type}, manifest.body
        )
        if answer.status != 201:
            raise self.transport.failure(answer, path)

    def _begin(self, repository: str, query: str) -> str | None:
        """Where to upload to, None if the registry has the blob already."""
        path = f"/v2/{repository}/blobs/uploads/{query}"
        answer = self.transport.ask("POST", path, body=b"")
        if answer.status == 201:
            return None
        if answer.status != 202:
            raise self.transport.failure(answer, path)
        return str(answer.headers["Location"])

    def _pages(self, path: str, first: Answer) -> Iterator[dict[str, Any]]:
        following: str | None = path
        answer = first
        while following:
            if answer.status == 404:
                return
            if answer.status >= 400:
                raise self.transport.failure(answer, following)
            yield answer.json()
            # The Link header is relative in some registries and absolute in others.
            following = _next_page(answer.headers.get("Link", ""))
            answer = self.transport.ask("GET", following) if following else answer

    def _ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> Answer | None:
        """The answer, None for a 404. Raises `EngineError` in the registry's own words."""
        answer = self.transport.ask(method, path, headers)
        if answer.status == 404:
            return None
        if answer.status >= 400:
            raise self.transport.failure(answer, path)
        return answer

    def _must_be_good(self, answer: "requests.Response", path: str) -> None:
        if not answer.ok:
            found = Answer(answer.status_code, answer.headers, answer.content)
            raise self.transport.failure(found, path)

    def _must_be(self, digest: str, said: str | None, repository: str) -> None:
        if said and said.startswith("sha256:") and digest != said:
            raise EngineError(
                f"The registry {self.host} is damaged: in {repository} it gave {digest} for {said}."
                " Push that image again."
            )

    def _part(self, path: str, start: int) -> Iterator[bytes]:
        """What is there from that byte on (RFC 9110, 14.2)."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self.transport.open("GET", path, headers) as answer:
            self._must_be_good(answer, path)
            if start and answer.status_code != 206:
                raise EngineError(f"The registry {self.host} broke off, and gives no parts.")
            yield from answer.iter_content(BLOCK)


class _Sized:
    """Bytes of a known number that are read as they come: sent with a length, never held."""

    def __init__(self, data: Iterator[bytes], size: int) -> None:
        self.data, self.size = data, size
        self.rest = b""

    def __len__(self) -> int:
        return self.size

    def read(self, wanted: int = -1) -> bytes:
        """At most that many bytes, none at the end."""
        block = self.rest or next(self.data, b"")
        if wanted >= 0:
            block, self.rest = block[:wanted], block[wanted:]
        return block


def _next_page(link: str) -> str | None:
    """The address in a Link header that leads on (RFC 8288), None on the last page."""
    found = re.search(r"""<([^>]*)>\s*;[^,]*rel="?next\b""", link)
    return found[1] if found else None


def _one_of(manifests: list[dict[str, Any]]) -> str:
    """The digest of the entry for this machine; attestations are for no machine."""
    system, _, architecture = own_platform().partition("/")
    fitting = {"os": system, "architecture": architecture}.items()
    images = [entry for entry in manifests if not is_attestation(entry)] or manifests
    mine = [entry for entry in images if fitting <= (entry.get("platform") or {}).items()]
    return str((mine or images)[0]["digest"])
