"""A registry, a builder and a namespace of the tests' own, removed at the end."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_world import Folder, World, a_world, settings_text
from projects import REPOSITORY

from invoke_buildx.engine.machine import Machine
from invoke_buildx.install import install


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an engine test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def skopeo() -> str:
    """The program of others that gives a second opinion on registries, installed if need be."""
    if not shutil.which("skopeo"):
        install(Machine(), "skopeo")
    return "skopeo"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Made and removed once for all engine tests."""
    with a_world(tmp_path_factory.mktemp("world"), f"ibx-{secrets.token_hex(3)}") as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path, world: World) -> Folder:
    """An empty project in that world."""
    made = Folder(tmp_path)
    shutil.copy(REPOSITORY / "tasks.py", tmp_path)
    made.write("invoke.yaml", settings_text(world))
    return made
