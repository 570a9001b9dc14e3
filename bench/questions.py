"""What it costs to ask: status of 100 images, graph of 1,000, the list of tasks."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import Bench, bench, compare, facts, sh, shell

PLAIN = """
import glob, jinja2
env = jinja2.Environment(
    loader=jinja2.FileSystemLoader(["dockerfiles", "templates"]), undefined=jinja2.StrictUndefined
)
for number in range(1000):
    name = f"i{number:04d}"
    env.get_template(f"{name}/Dockerfile.j2").render(
        image={"name": name}, ref=lambda name: f"localhost:5000/many/{name}:latest"
    )
"""

FINGERPRINTS = """
import os
from pathlib import Path
from invoke_buildx.engine.machine import Machine
from invoke_buildx.plan import Planner
from invoke_buildx.project.graph import ordered, with_ancestors
from invoke_buildx.project.identity import caller
from invoke_buildx.project.project import Project
from invoke_buildx.project.settings import read_settings
from invoke_buildx.survey import Survey

machine, settings = Machine(), read_settings({}, [], "many", os.environ)
project = Project(Path.cwd(), settings, caller(), cache=machine.cache)
order = ordered(with_ancestors(project, project.images))
found = {step.parts.fingerprint for step in Planner(project, machine, Survey({})).steps(order)}
assert len(found) == 1000
"""


def status(made: Bench) -> None:
    """Against one curl process an image, which asks the registry alone."""
    for number in range(100):
        made.folder.image(f"i{number}", f"FROM scratch\nLABEL number={number}\nCOPY tasks.py /\n")
    made.inv("build", "--all")
    urls = [
        f"http://{made.world.registry}/v2/{made.world.namespace}/i{number}/manifests/latest"
        for number in range(100)
    ]
    accept = "Accept: application/vnd.oci.image.manifest.v1+json"

    def curl(_: int) -> None:
        for url in urls:
            shell(["curl", "-sfI", "-H", accept, url])

    ways = {"100 curl -I": curl, "invoke status": lambda _: made.inv("status")}
    compare("status of 100 images", ways, 5)


def graph(made: Bench) -> None:
    """Against Jinja alone, which renders the same and knows nothing of it afterwards."""
    root = made.folder.path
    sh(f"rm -rf {root}/dockerfiles")
    made.folder.write("templates/part.j2", "LABEL a=b\nLABEL c=d\n")
    for number in range(1000):
        name = f"i{number:04d}"
        parent = f'{{{{ ref("i{number // 10:04d}") }}}}' if number > 9 else "debian:bookworm"
        lines = [f"FROM {parent}", '{% include "part.j2" %}']
        lines += [f"ENV K{i}={number}\nRUN echo {i} {{{{ image.name }}}}" for i in range(26)]
        made.folder.image(name, "\n".join([*lines, ""]))

    def plain(_: int) -> None:
        shell([sys.executable, "-c", PLAIN], cwd=root)

    def fingerprints(_: int) -> None:
        shell([sys.executable, "-c", FINGERPRINTS], cwd=root)

    made.inv("graph", "--json")
    fingerprints(0)
    ways = {
        "plain Jinja": plain,
        "invoke graph --json": lambda _: made.inv("graph", "--json"),
        "graph and fingerprints, nobody asked": fingerprints,
    }
    compare("graph of 1,000 images, second run", ways, 5)


def listing(made: Bench) -> None:
    """Against the list of a tasks.py without any task of ours."""
    with TemporaryDirectory() as empty:
        text = "from invoke import task\n\n\n@task\ndef one(c):\n    pass\n"
        Path(empty, "tasks.py").write_text(text)
        bare = [sys.executable, "-m", "invoke", "--list"]
        ways = {
            "invoke --list, empty tasks.py": lambda _: shell(bare, cwd=Path(empty)),
            "invoke --list": lambda _: made.inv("--list"),
        }
        compare("the list of tasks", ways, 15)


if __name__ == "__main__":
    facts()
    with bench("questions") as made:
        listing(made)
        status(made)
        graph(made)
