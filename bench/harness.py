"""Measures commands side by side, taking turns, and prints their ratios to the first of them."""

import compileall
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from engine_world import BASE, Folder, World, a_world, settings_text  # noqa: E402

__all__ = ["BASE", "Bench", "Folder", "Way", "World", "bench", "compare", "facts", "sh", "shell"]
Way = Callable[[int], None]


class Bench:
    """A project folder in a world of its own, and the commands that a person would type in it."""

    def __init__(self, folder: Folder, world: World) -> None:
        self.folder, self.world = folder, world

    def inv(self, *words: str) -> None:
        """One of our commands, as a whole process."""
        shell([*self.folder.argv(*words)], cwd=self.folder.path)

    def seed(self, tag: str, text: str, *, context: Path | None = None) -> None:
        """What is typed without this tool: look for the builder, build, load, push."""
        builder, reference = self.world.namespace, self.world.ref(tag)
        shell(["docker", "buildx", "inspect", builder])
        where = str(context or self.folder.path)
        build = ["docker", "buildx", "build", "--builder", builder, "--load"]
        shell([*build, "--network", "host", "-t", reference, "-f", "-", where], stdin=text)
        shell(["docker", "push", reference])

    def only_cache(self, text: str) -> None:
        """Run every instruction, and deliver nothing."""
        builder = ["--builder", self.world.namespace, "--network", "host"]
        output = ["--output", "type=cacheonly", "-f", "-", str(self.folder.path)]
        shell(["docker", "buildx", "build", *builder, *output], stdin=text)

    def forget(self, *tags: str) -> None:
        """Remove images from the engine, so that their layers must be had again."""
        for tag in tags:
            sh(f"docker rmi --force {self.world.ref(tag)}")
        ours = f"label=invoke-buildx.project={self.world.namespace}"
        sh(f"docker image prune --force --filter {ours}")


@contextmanager
def bench(name: str) -> Iterator[Bench]:
    """A fresh project in a fresh world, both removed at the end."""
    # As an installed package has it; a checkout may not be allowed to keep compiled modules.
    compileall.compile_dir(REPOSITORY / "invoke_buildx", quiet=1)
    with tempfile.TemporaryDirectory(prefix="invoke-buildx-bench-") as top:
        for part in ("world", "project"):
            Path(top, part).mkdir()
        with a_world(Path(top, "world"), f"bench-{name}-{os.getpid()}") as world:
            Folder(Path(top, "world")).inv("builder.create")
            folder = Folder(Path(top, "project"))
            shutil.copy(REPOSITORY / "tasks.py", folder.path)
            folder.write("invoke.yaml", settings_text(world))
            yield Bench(folder, world)


def shell(argv: Sequence[str], *, stdin: str = "", cwd: Path | None = None) -> None:
    """Run a command in silence; a failure ends the measurement with what it said."""
    done = subprocess.run(argv, input=stdin.encode(), cwd=cwd, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{argv} failed\n{done.stderr.decode()}{done.stdout.decode()}")


def sh(line: str) -> None:
    """Run a line of shell in silence, whatever comes of it."""
    subprocess.run(["sh", "-c", line], capture_output=True, check=False)


def compare(
    question: str,
    ways: Mapping[str, Way],
    rounds: int,
    *,
    before: Mapping[str, Way] | None = None,
) -> None:
    """Time each way once a round, in turning order, and print a table.

    `before` is done before a way is timed. A ratio is the median of the ratios of each round.
    """
    names = list(ways)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in [*names[turn % len(names) :], *names[: turn % len(names)]]:
            if before and name in before:
                before[name](turn)
            began = time.perf_counter()
            ways[name](turn)
            taken[name].append(time.perf_counter() - began)
    first = taken[names[0]]
    print(f"\n{question}\n{'':<34}{'median':>9}{'min':>9}{'max':>9}{'ratio':>8}   n={rounds}")
    for name, times in taken.items():
        ratio = statistics.median(a / b for a, b in zip(times, first, strict=True))
        numbers = (statistics.median(times), min(times), max(times))
        shown = "".join(f"{number:>8.3f}s" for number in numbers)
        print(f"{name:<34}{shown}{ratio:>8.3f}", flush=True)


def facts() -> None:
    """What machine the figures are from."""
    commands = (
        ["docker", "version", "--format", "{{.Server.Version}}"],
        ["docker", "buildx", "version"],
    )
    versions = [subprocess.check_output(command, text=True).strip() for command in commands]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    print(
        f"{os.cpu_count()} processors, {memory} GB, {platform.machine()},"
        f" Python {platform.python_version()}, Docker {versions[0]}, {versions[1]}"
    )
