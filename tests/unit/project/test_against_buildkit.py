"""The reader agrees with BuildKit's own frontend, whose verdicts are recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from invoke_buildx.errors import TemplateError
from invoke_buildx.project.dockerfile import read_dockerfile
from invoke_buildx.project.reference import parse_reference

RECORDED = Path(__file__).parents[2] / "resources/buildkit/verdicts.json"
CASES = json.loads(RECORDED.read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["text"])[:60])
def test_it_finds_the_same_images_or_refuses_the_same_text(case: dict[str, Any]) -> None:
    """For this machine's platform; the verdicts are those of linux/amd64."""
    args = {"BUILDPLATFORM": "linux/amd64", "BUILDARCH": "amd64", **case.get("args", {})}
    try:
        found = read_dockerfile(
            case["text"], args, case.get("target"), platform="linux/amd64"
        ).images
        images = sorted(str(parse_reference(name).canonical()) for name in found)
    except TemplateError:
        images = None
    assert images == case["images"]
