"""One image in a registry, with everything that it says of itself."""

from collections.abc import Iterable
from typing import Any

from invoke_buildx.asked import Asked
from invoke_buildx.catalogue import (
    FEW_REPOSITORIES,
    Held,
    layers_of,
    read_repositories,
    repository_names,
    sharing,
    whole,
)
from invoke_buildx.errors import UsageError, nearest
from invoke_buildx.project.manifest import is_attestation, platform_of


def inspect_image(where: Asked, known: Iterable[str]) -> dict[str, Any]:
    """Manifest, platforms, configuration and layers of an image.

    `known` are the repositories to look for shared layers in where the catalogue is refused, or
    where reading all of it would take too long.
    Raises `UsageError` when there is no such image.
    """
    label = where.label or where.usual
    top = where.registry.manifest(where.repository, label)
    if top is None:
        tags = where.registry.tags(where.repository)
        raise UsageError(f"{where.name} is not there.{nearest(label, tags)}")
    held = whole(where.registry, where.repository, top)
    near = sorted({*known, where.repository})
    names, _ = repository_names(where.registry, near)
    everything = read_repositories(
        where.registry, names if len(names) <= FEW_REPOSITORIES else near
    )
    shared = sharing(everything, f"{where.repository}:{label}")
    return {
        "ref": where.name,
        "digest": top.digest,
        "media_type": top.media_type,
        "size": held.size,
        "manifests": [
            {
                "digest": str(entry["digest"]),
                "platform": "" if is_attestation(entry) else platform_of(entry),
                "kind": "attestation" if is_attestation(entry) else "image",
            }
            for entry in top.children
        ],
        **_image(where, held, shared),
    }


def _image(where: Asked, held: Held, shared: dict[str, set[str]]) -> dict[str, Any]:
    """What the configuration of the image says, of the first in an index."""
    if held.image is None:
        return {}
    config = where.registry.config_of(where.repository, held.image)
    settings = config.get("config") or {}
    return {
        "config": config.get("id"),
        "platform": platform_of(config),
        "created": config.get("created"),
        "user": settings.get("User", ""),
        "env": settings.get("Env") or [],
        "entrypoint": settings.get("Entrypoint") or [],
        "cmd": settings.get("Cmd") or [],
        "labels": settings.get("Labels") or {},
        "history": config.get("history") or [],
        "layers": layers_of(held.image, config, shared),
    }
