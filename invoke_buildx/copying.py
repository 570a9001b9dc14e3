"""Copy images from registry to registry without an engine, byte by byte as they are."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from threading import Event

from invoke_buildx.engine.command import Background, Shell, command
from invoke_buildx.engine.distribution import Registry
from invoke_buildx.errors import EngineError, UsageError
from invoke_buildx.project.manifest import Blob, Manifest
from invoke_buildx.project.reference import Reference

AT_ONCE = 4


@dataclass(frozen=True)
class Place:
    """An image's name in a registry."""

    registry: Registry
    reference: Reference

    @property
    def repository(self) -> str:
        """The path of the repository."""
        return self.reference.path

    @property
    def label(self) -> str:
        """What is asked for there: a digest, else a tag."""
        return self.reference.digest or self.reference.tag or "latest"


@dataclass(frozen=True)
class Copied:
    """What was done: the digest on both sides, bytes sent and bytes that were there already."""

    digest: str
    sent: int
    spared: int


def copy(source: Place, target: Place, shell: Shell) -> Copied | None:
    """Copy an image with every platform of it; None when dry.

    What the target holds already is not sent, so a copy that broke off goes on where it was.
    Nothing can be seen under the new name before all of it is there. Raises `EngineError`.
    """
    shown = command("skopeo", "copy", "--all", _skopeo(source), _skopeo(target))
    with shell.progress(f"copying {source.reference} to {target.reference}"):
        return shell.perform(shown, partial(_copy, source, target))


def _copy(source: Place, target: Place) -> Copied:
    top = source.registry.manifest(source.repository, source.label)
    if top is None:
        raise UsageError(f"{source.reference} is not in its registry.")
    held = target.registry.manifest(target.repository, target.label)
    if held is not None and held.digest == top.digest:
        return Copied(top.digest, 0, 0)
    manifests = list(_deepest_first(source, top))
    blobs = {blob.digest: blob for one in manifests for blob in one.blobs}
    sent: list[int] = []
    with Background(AT_ONCE) as background:
        # The largest first, so that the last one to be done is a small one.
        for blob in sorted(blobs.values(), key=lambda blob: -blob.size):
            send = partial(_copy_blob, source, target, blob, sent, background.stopping)
            background.start(send)
    for manifest in manifests:
        target.registry.put(target.repository, manifest.digest, manifest)
    target.registry.put(target.repository, target.label, top)
    whole = sum(blob.size for blob in blobs.values())
    return Copied(top.digest, sum(sent), whole - sum(sent))


def _deepest_first(source: Place, manifest: Manifest) -> Iterator[Manifest]:
    """What an index names, then the index itself, as a registry wants them."""
    for entry in manifest.children:
        child = source.registry.manifest(source.repository, str(entry["digest"]))
        if child is None:
            raise EngineError(
                f"{source.reference} is not whole: its registry lacks {entry['digest']}."
            )
        yield from _deepest_first(source, child)
    yield manifest


def _copy_blob(source: Place, target: Place, blob: Blob, sent: list[int], stopping: Event) -> None:
    """Take a blob over where the registry can, else stream it through."""
    if target.registry.has_blob(target.repository, blob.digest):
        return
    place = None
    if source.registry.host == target.registry.host:
        place = target.registry.mount(target.repository, blob.digest, source.repository)
        if place is None:
            return
    with closing(source.registry.blob(source.repository, blob)) as data:
        target.registry.upload(target.repository, blob, _unless(stopping, data), place)
    sent.append(blob.size)


def _unless(stopping: Event, data: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, until the copy as a whole has ended."""
    for block in data:
        if stopping.is_set():
            raise EngineError("The copy was stopped.")
        yield block


def _skopeo(place: Place) -> str:
    """The same image as skopeo writes it, for the command that is shown."""
    mark = "@" if place.reference.digest else ":"
    return f"docker://{place.registry.host}/{place.repository}{mark}{place.label}"
