"""What Dockerfiles were found to refer to in earlier runs: reading a thousand takes seconds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from invoke_buildx.project.kept import Kept, key_of
from invoke_buildx.project.references import Dockerfile, Source, Triggers

_READERS = ("dispatch", "dockerfile", "references", "rules", "stages")


def kept_reading(
    kept: Kept, facts: Any, triggers: Triggers, read: Callable[[Triggers], Dockerfile]
) -> Dockerfile:
    """The reading of these facts, from an earlier run or by `read`.

    What base images add to the text is part of it, so it must still be the same.
    """
    key = key_of(_READERS, facts)
    entry = kept.get(key)
    if entry and all(tuple(triggers(base)) == tuple(was) for base, was in entry["triggers"]):
        kept.put(key, entry)
        return _from_plain(entry["dockerfile"])
    asked: dict[str, tuple[str, ...]] = {}

    def remember(base: str) -> Iterable[str]:
        asked[base] = tuple(triggers(base))
        return asked[base]

    found = read(remember)
    kept.put(key, {"triggers": list(asked.items()), "dockerfile": _as_plain(found)})
    return found


def _as_plain(found: Dockerfile) -> dict[str, Any]:
    plain = asdict(found)
    for name in ("args", "consumed"):
        plain[name] = sorted(plain[name])
    return plain


def _from_plain(plain: Mapping[str, Any]) -> Dockerfile:
    return Dockerfile(
        images=plain["images"],
        sources=tuple(Source(**source) for source in plain["sources"]),
        args=frozenset(plain["args"]),
        syntax=plain["syntax"],
        consumed=frozenset(plain["consumed"]),
        unknown=tuple(plain["unknown"]),
        onbuild=tuple(plain["onbuild"]),
    )
