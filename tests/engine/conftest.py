"""A registry, a builder and a namespace of the tests' own, removed at the end."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_world import BASE, LABEL, Folder, World, docker, free_port, settings_text
from projects import REPOSITORY


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an engine test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Started by the tool itself, and removed with everything that carries its label."""
    name = f"ibx-{secrets.token_hex(3)}"
    made = World(name, f"localhost:{free_port()}")
    folder = Folder(tmp_path_factory.mktemp("world"))
    shutil.copy(REPOSITORY / "tasks.py", folder.path)
    folder.write("invoke.yaml", settings_text(made))
    folder.image("base", f"FROM {BASE}\n")
    folder.inv("doctor", "--fix")
    yield made
    folder.inv("builder.rm")
    folder.inv("registry.down")
    docker("volume", "rm", f"invoke-buildx-registry-{made.registry.partition(':')[2]}")
    images = docker("images", "--quiet", "--filter", f"label={LABEL}={name}").split()
    if images:
        docker("rmi", "--force", *dict.fromkeys(images), check=False)


@pytest.fixture
def folder(tmp_path: Path, world: World) -> Folder:
    """An empty project in that world."""
    made = Folder(tmp_path)
    shutil.copy(REPOSITORY / "tasks.py", tmp_path)
    made.write("invoke.yaml", settings_text(world))
    return made
