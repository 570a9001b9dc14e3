"""How long until an image is in the engine and in the registry: first, unchanged, tiny change."""

import secrets
import sys

from harness import BASE, Bench, bench, compare, facts

SIZES = {
    "350 MB": (
        "RUN : {bulk} && apt-get update && apt-get install -y sudo adduser rsync curl"
        " && head -c 40M /dev/urandom > /{bulk}\n"
    ),
    "1.4 GB": (
        "RUN : {bulk} && head -c 400M /dev/urandom > /a\n"
        "RUN head -c 200M /dev/urandom > /b && head -c 200M /dev/zero | tr '\\0' x > /c\n"
        "RUN head -c 300M /dev/urandom | base64 > /d\n"
    ),
}


def text(size: str, bulk: str, tiny: str) -> str:
    """A Dockerfile whose big layers depend on `bulk`, its last one on `tiny`."""
    return f"FROM {BASE}\n" + SIZES[size].format(bulk=bulk) + f"RUN echo {tiny} > /tiny\n"


def measure(made: Bench, size: str, first: int, more: int) -> None:
    """One size, in the order in which a person meets the questions."""
    name = f"x{size.split(maxsplit=1)[0].replace('.', '-')}"
    latest: dict[str, str] = {}

    def fresh(way: str) -> None:
        latest[way] = text(size, secrets.token_hex(8), "0")
        made.forget(f"{name}:latest", f"seed-{name}:latest")
        made.only_cache(latest[way])
        made.folder.image(name, latest["ours"] if "ours" in latest else latest[way])

    def edit(way: str) -> None:
        lines = latest[way].splitlines()[:-1]
        latest[way] = "\n".join([*lines, f"RUN echo {secrets.token_hex(8)} > /tiny", ""])
        made.folder.image(name, latest["ours"])

    ways = {
        "seed": lambda _: made.seed(f"seed-{name}:latest", latest["seed"]),
        "invoke build": lambda _: made.inv("build", "--image", name),
    }
    new = {"seed": lambda _: fresh("seed"), "invoke build": lambda _: fresh("ours")}
    changed = {"seed": lambda _: edit("seed"), "invoke build": lambda _: edit("ours")}
    compare(f"first delivery of {size}", ways, first, before=new)
    compare(f"unchanged {size}", ways, more)
    compare(f"tiny change on top of {size}", ways, more, before=changed)
    made.forget(f"{name}:latest", f"seed-{name}:latest")


if __name__ == "__main__":
    facts()
    with bench("delivery") as made:
        for size in sys.argv[1:] or SIZES:
            measure(made, size, 5 if size == "350 MB" else 3, 5)
