"""What is said of a failed build whose reason is not in its Dockerfile."""

from pathlib import Path

from invoke_buildx.diagnosis import machine_problem
from invoke_buildx.engine.machine import Machine


def test_an_engine_that_went_away_is_the_reason(tmp_path: Path) -> None:
    """Not the bases that could not be asked for without it."""
    machine = Machine(environ={"DOCKER_HOST": f"unix://{tmp_path}/gone.sock"})
    said = machine_problem(machine, "team", 0.0, "rpc error: EOF")
    assert said is not None
    assert said.startswith("the engine went away meanwhile. No Docker engine answers at")
    assert "doctor --fix" in said
