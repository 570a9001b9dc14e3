"""The engine's own builder (`driver: docker`): what our planning costs, what transfer it spares."""

import os
import secrets
from functools import partial

from harness import BASE, Bench, Way, bench, compare, facts, shell

DRIVER = "INVOKE_BUILDX_BUILDER_DRIVER"


def text(bulk: str, tiny: str) -> str:
    """A Dockerfile of about 300 MB whose last layer depends on `tiny` alone."""
    big = f"RUN : {bulk} && head -c 300M /dev/urandom > /bulk\n"
    return f"FROM {BASE}\n{big}RUN echo {tiny} > /tiny\n"


def measure(made: Bench) -> None:
    """New, unchanged and with a tiny change, until the engine can run it."""
    key, latest = secrets.token_hex(8), {}

    def edit(way: str, _: int = 0) -> None:
        latest[way] = text(key, secrets.token_hex(8))
        made.folder.image("own", latest[way])

    def plain(_: int) -> None:
        command = ["docker", "buildx", "build", "--builder", "default", "-t", "own-seed"]
        shell([*command, "-f", "-", str(made.folder.path)], stdin=latest["seed"])

    def by_engine(_: int) -> None:
        os.environ[DRIVER] = "docker"
        try:
            made.inv("build", "--image", "own")
        finally:
            del os.environ[DRIVER]

    ways: dict[str, Way] = {
        "docker buildx build, engine's builder": plain,
        "invoke build, driver: docker": by_engine,
        "invoke build, driver: docker-container": lambda _: made.inv("build", "--image", "own"),
    }
    changes = {way: "seed" if number == 0 else way for number, way in enumerate(ways)}
    changed: dict[str, Way] = {way: partial(edit, key) for way, key in changes.items()}
    compare("tiny change on top of 300 MB", ways, 5, before=changed)
    two = {name: ways[name] for name in list(ways)[:2]}
    edit("seed")
    compare("unchanged 300 MB", two, 7)
    shell(["docker", "rmi", "--force", "own-seed"])


if __name__ == "__main__":
    facts()
    with bench("engine") as made:
        measure(made)
