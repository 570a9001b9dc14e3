"""Fixtures of unit and engine tests alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import ALICE, ProjectMaker

from invoke_buildx.project.project import Project
from invoke_buildx.project.settings import read_settings


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
