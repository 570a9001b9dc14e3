"""Projects in temporary folders, for unit and engine tests alike."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from invoke_buildx.project.identity import Identity
from invoke_buildx.project.project import Project
from invoke_buildx.project.settings import read_settings

REPOSITORY = Path(__file__).parents[1]
ALICE = Identity(4242, 4343, "alice", "people", (("docker", 105), ("g5002", 5002)))

ProjectMaker = Callable[..., Project]


@pytest.fixture
def make_project(tmp_path: Path) -> ProjectMaker:
    """A function that makes a project of alice's from settings and files."""

    def make(
        settings: Mapping[str, Any] | None = None, files: Mapping[str, str] | None = None
    ) -> Project:
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        data = {"namespace": "team", **(settings or {})}
        sources = [("invoke.yaml", {"buildx": data})]
        return Project(tmp_path, read_settings(data, sources, "folder", {}), ALICE)

    return make
