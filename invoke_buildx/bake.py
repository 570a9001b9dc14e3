"""Several builds as one definition for `docker buildx bake`: BuildKit orders the work.

Rules: docker/buildx docs/bake-reference.md; a JSON file is interpolated like an HCL one.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from invoke_buildx.engine.machine import Machine
from invoke_buildx.plan import Options, Step
from invoke_buildx.project.project import Project
from invoke_buildx.project.reference import familiar_name
from invoke_buildx.single import context_path, image_labels, parent_contexts

_TARGET_LETTERS = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True)
class Bake:
    """These steps, parents first; `beside` are unchanged images that only serve as parents."""

    project: Project
    machine: Machine
    steps: Sequence[Step]
    beside: Sequence[Step]
    options: Options

    @cached_property
    def known(self) -> dict[str, Step]:
        """Every image of the definition, by label, parents first."""
        return {step.label: step for step in [*self.beside, *self.steps]}

    @cached_property
    def targets(self) -> dict[str, str]:
        """The name of each image's target: fit for bake, and for one image only."""
        names: dict[str, str] = {}
        for label in self.known:
            name = _TARGET_LETTERS.sub("_", label)
            taken = name in names.values()
            names[label] = f"{name}_{len(names)}" if taken else name
        return names

    def definition(self) -> str:
        """What bake reads: every target, and which of them to build."""
        targets = {self.targets[label]: self._target(step) for label, step in self.known.items()}
        wanted = [self.targets[step.label] for step in self.steps]
        whole = {"group": {"default": {"targets": wanted}}, "target": _escaped(targets)}
        return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"

    def ancestors(self, label: str) -> set[str]:
        """The labels of all images of the definition that this one is made from."""
        waiting, found = [label], set[str]()
        while waiting:
            step = self.known.get(waiting.pop())
            new = {*(step.node.parents if step else ())} - found
            found |= new
            waiting += new
        return found

    def _target(self, step: Step) -> dict[str, Any]:
        image, settings = step.node.image, step.node.image.settings
        is_built = step in self.steps
        values: dict[str, Any] = {
            "context": context_path(self.project, self.machine, step),
            "dockerfile-inline": step.node.text,
            "args": self.project.args(image, step.node.dockerfile),
            "contexts": self._contexts(step),
            "labels": image_labels(self.project, step),
            "tags": [str(step.to.found)] if is_built else [],
            "target": settings.target,
            "platforms": list(self.project.platforms_of(image)),
            "network": settings.network or self.project.settings.builder.network,
            "secret": list(settings.secrets),
            "ssh": list(settings.ssh),
            "extra-hosts": _hosts(settings.extra_hosts),
            "cache-from": list(settings.cache_from),
            "cache-to": list(settings.cache_to) if is_built else [],
            "output": [step.to.output] if is_built and step.to.output else [],
            "no-cache": self.options.no_cache,
            "pull": self.options.pull,
        }
        return {key: value for key, value in values.items() if value}

    def _contexts(self, step: Step) -> dict[str, str]:
        """Parents of this call as targets of it, others where the builder finds them."""
        elsewhere = parent_contexts(self.project, self.machine, step)
        here = {
            familiar_name(written): f"target:{self.targets[label]}"
            for written, label in step.node.links.items()
            if label in self.targets
        }
        return elsewhere | here


def _escaped(value: Any) -> Any:
    """The same, so that bake takes every text as it is: `${` and `%{` would be interpolated."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value


def _hosts(written: Sequence[str]) -> dict[str, str]:
    """`NAME=IP` or `NAME:IP`, as compose takes them."""
    pairs = (re.split("[=:]", host, maxsplit=1) for host in written)
    return {pair[0]: pair[-1] for pair in pairs}
