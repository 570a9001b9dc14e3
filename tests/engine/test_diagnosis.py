"""Why a build failed, where the reason lies outside its Dockerfile."""

import shutil
from types import SimpleNamespace

import pytest
from projects import ProjectMaker

from invoke_buildx.diagnosis import why_build_failed
from invoke_buildx.engine.machine import Machine
from invoke_buildx.project.graph import node


def test_a_full_disk_is_named(make_project: ProjectMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to look at; filling the machine's real disk would end more than this test."""
    project = make_project({}, {"dockerfiles/a/Dockerfile.j2": "FROM scratch"})
    step = node(project, project.images[0])
    assert why_build_failed(project, Machine(), step) is None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 << 20))
    reason = why_build_failed(project, Machine(), step)
    assert reason is not None
    assert reason.startswith("the disk is full (3 MB free at ")
    assert "docker buildx prune" in reason
