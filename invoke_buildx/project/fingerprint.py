"""What an image is made of: one hash to compare, and the parts to say what has changed.

Both travel as labels of the image, so that every machine that holds it can tell.
"""

import base64
import difflib
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

FINGERPRINT_LABEL = "invoke-buildx.fingerprint"
PARTS_LABEL = "invoke-buildx.parts"
# Changes whenever the same parts would be built into something else.
FORMAT = "1"
# One argument of a process may have 128 KB; a longer text is known by its hash alone.
LONGEST_TEXT = 90_000


@dataclass(frozen=True)
class Parts:
    """Everything that goes into an image.

    `text` is the rendered Dockerfile, None where only its hash was kept. `args` and `files` are
    names with short hashes, never the values. `parents` are labels of our images with their
    fingerprints, `bases` images of others with their digests, "" where none could be found out.
    `generation` tells builds apart that were forced to run with equal parts. `by_hand` are the
    options of the command line that had a say; they count by what they changed only.
    """

    text: str | None
    text_hash: str
    args: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    bases: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    generation: str = ""
    by_hand: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """One hash over all parts."""
        parts = {**self._plain(), "text": None, "by_hand": (), "format": FORMAT}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def labels(self) -> dict[str, str]:
        """The labels that an image made of these parts carries."""
        packed = None
        if self.text is not None:
            packed = base64.b64encode(zlib.compress(self.text.encode(), 9)).decode()
        small = packed is not None and len(packed) <= LONGEST_TEXT
        parts = {**self._plain(), "text": packed if small else None}
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return {FINGERPRINT_LABEL: self.fingerprint, PARTS_LABEL: text}

    def _plain(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


def short_hash(text: str) -> str:
    """Enough of a hash to see that two texts differ."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_parts(labels: Mapping[str, str]) -> Parts | None:
    """The parts that an image's labels tell, None when they tell none that we understand."""
    try:
        found = json.loads(labels[PARTS_LABEL])
        text = found["text"] and zlib.decompress(base64.b64decode(found["text"])).decode()
        plain = {item.name: found[item.name] for item in fields(Parts)}
        parts = Parts(**plain | {"text": text, "by_hand": tuple(found["by_hand"])})
    except (KeyError, TypeError, ValueError, zlib.error):
        return None
    # Only an untouched label of this format says what the image is made of.
    return parts if parts.fingerprint == labels.get(FINGERPRINT_LABEL) else None


def changes(old: Parts, new: Parts) -> list[str]:
    """One phrase for each part that differs, such as `file imports/x.sh`."""
    found = ["the Dockerfile's text"] if old.text_hash != new.text_hash else []
    for kind, before, after in (
        ("argument", old.args, new.args),
        ("file", old.files, new.files),
        ("parent", old.parents, new.parents),
        ("base", old.bases, new.bases),
        ("option", old.options, new.options),
    ):
        found += _differences(kind, before, after)
    if not found and old.generation != new.generation:
        found.append("it was built anew by force")
    return found


def text_diff(old: str, new: str) -> list[str]:
    """The lines that differ, as `diff -u` shows them, without its two first lines."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1)
    return [line for line in lines if not line.startswith(("---", "+++"))]


def _differences(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*old, *new}):
        if name not in old:
            yield f"{kind} {name} is new"
        elif name not in new:
            yield f"{kind} {name} is gone"
        elif old[name] != new[name]:
            yield f"{kind} {name}"
