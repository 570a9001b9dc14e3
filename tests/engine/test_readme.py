"""Every command of the README, run as it is written there."""

import re
import subprocess
from pathlib import Path

import pytest
from engine_world import World

REPOSITORY = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
# This test is part of ./check, which cannot run itself.
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line != "./check"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_works(command: str, world: World) -> None:
    """In the repository itself, with the images that ship."""
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr


def test_the_readme_stays_short() -> None:
    """A reader finds the rest in docs/."""
    assert len((REPOSITORY / "README.md").read_text().splitlines()) < 150
