"""Who and what the tests' projects are made of."""

from collections.abc import Callable
from pathlib import Path

from invoke_buildx.project.identity import Identity
from invoke_buildx.project.project import Project

REPOSITORY = Path(__file__).parents[1]
ALICE = Identity(4242, 4343, "alice", "people", (("docker", 105), ("g5002", 5002)))

ProjectMaker = Callable[..., Project]
