"""One image of a registry as text: facts, labels, layers."""

from typing import Any

from invoke_buildx.tasks.table import size_text, table


def as_text(found: dict[str, Any]) -> str:
    """What `inspect` found, for a terminal."""
    facts = [(key, str(found[key])) for key in ("ref", "digest", "config") if found.get(key)]
    platforms = [one["platform"] for one in found["manifests"] if one["kind"] == "image"]
    facts.append(("platforms", ", ".join(platforms or [found.get("platform", "")])))
    facts += [(key, str(found[key])) for key in ("created", "user") if found.get(key)]
    facts.append(("size", size_text(found["size"])))
    width = max(len(key) for key, _ in facts)
    lines = [f"{key.ljust(width)}  {value}" for key, value in facts]
    labels = sorted(found.get("labels", {}).items())
    lines += ["", table(("LABEL", "VALUE"), [(key, _cut(value)) for key, value in labels])]
    rows = [
        (size_text(one["size"]), _others(one["shared_with"]), _cut(one["created_by"]))
        for one in found.get("layers", [])
    ]
    return "\n".join([*lines, "", table(("LAYER", "SHARED WITH", "MADE BY"), rows)])


def _others(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if names[1:] else "") if names else ""


def _cut(text: str, width: int = 70) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
