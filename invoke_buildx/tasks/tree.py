"""Images and what they are made from, for people: a tree, or a diagram for Mermaid."""

from collections.abc import Iterable, Mapping, Sequence

from invoke_buildx.project.graph import Node


def tree(nodes: Sequence[Node], remarks: Mapping[str, str]) -> str:
    """Each image below what its first parent is; further parents and remarks behind it."""
    below: dict[str, list[Node]] = {}
    for entry in nodes:
        origins = (*entry.parents, *entry.external)
        below.setdefault(origins[0] if origins else "scratch", []).append(entry)
    labels = {entry.image.label for entry in nodes}
    rows = [
        row
        for top in below
        if top not in labels
        for row in ((top, ""), *_branches(top, below, remarks, ""))
    ]
    width = max((len(drawn) for drawn, remark in rows if remark), default=0)
    return "\n".join(f"{drawn:<{width}}  {remark}".rstrip() for drawn, remark in rows)


def mermaid(nodes: Iterable[Node]) -> str:
    """A flow chart from bases to what is made of them (https://mermaid.js.org)."""
    lines = ["flowchart LR"]
    for entry in nodes:
        label = entry.image.label
        lines.append(f'  {_identifier(label)}["{label}"]')
        lines += [
            f'  {_identifier(name)}(["{name}"]) --> {_identifier(label)}' for name in entry.external
        ]
        lines += [f"  {_identifier(name)} --> {_identifier(label)}" for name in entry.parents]
    return "\n".join(lines)


def _branches(
    top: str, below: Mapping[str, list[Node]], remarks: Mapping[str, str], indent: str
) -> Iterable[tuple[str, str]]:
    children = below.get(top, [])
    for entry in children:
        last = entry is children[-1]
        label = entry.image.label
        others = (*entry.parents, *entry.external)[1:]
        also = f" (with {', '.join(others)})" if others else ""
        yield f"{indent}{'└─ ' if last else '├─ '}{label}{also}", remarks.get(label, "")
        yield from _branches(label, below, remarks, indent + ("   " if last else "│  "))


def _identifier(name: str) -> str:
    return "n_" + "".join(mark if mark.isalnum() else f"_{ord(mark)}_" for mark in name)
