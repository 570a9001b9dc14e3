"""Ten images, one below eight below one: everything in engine and registry."""

import json
import secrets
from functools import partial

from harness import BASE, Bench, Way, bench, compare, facts, shell

NAMES = ["base", *(f"m{i}" for i in range(8)), "top"]


def texts(made: Bench, prefix: str, key: str) -> dict[str, str]:
    """The ten Dockerfiles, with names that start with `prefix`."""

    def ref(name: str) -> str:
        return made.world.ref(f"{prefix}{name}:latest")

    work = "RUN : {} && head -c 3M /dev/urandom > /{}\n"
    found = {"base": f"FROM {BASE}\n" + work.format(key, "base")}
    for name in NAMES[1:-1]:
        found[name] = f"FROM {ref('base')}\n" + work.format(key, name)
    copy = f"COPY --from={ref('m1')} /m1 /m1.copy\n"
    found["top"] = f"FROM {ref('m0')}\n{copy}" + work.format(key, "top")
    return found


def bake(made: Bench, found: dict[str, str]) -> None:
    """One bake call that pushes, as a person would write it by hand."""
    targets = {
        name: {
            "context": str(made.folder.path),
            "dockerfile-inline": text,
            "tags": [made.world.ref(f"b-{name}:latest")],
            "network": "host",
            "contexts": {
                made.world.ref(f"b-{other}"): f"target:{other}"
                for other in NAMES
                if f"/b-{other}:" in text
            },
            "output": ["type=image,push=true"],
        }
        for name, text in found.items()
    }
    whole = json.dumps({"group": {"default": {"targets": NAMES}}, "target": targets})
    command = ["docker", "buildx", "bake", "--builder", made.world.namespace]
    flags = ["--provenance=false", "--allow=network.host", "--allow=fs.read=*", "-f", "-"]
    shell([*command, *flags], stdin=whole)


def main() -> None:
    """Cold with fresh keys each round, then unchanged."""
    facts()
    with bench("fan") as made:
        latest: dict[str, dict[str, str]] = {}

        def fresh(way: str, _: int = 0) -> None:
            latest[way] = texts(made, way, secrets.token_hex(8))
            if way == "o-":
                for name, text in latest[way].items():
                    made.folder.image(f"o-{name}", text)

        def seed(_: int) -> None:
            for name, text in latest["s-"].items():
                made.seed(f"s-{name}:latest", text)

        ways: dict[str, Way] = {
            "seed, one after another": seed,
            "one bake call that pushes": lambda _: bake(made, latest["b-"]),
            "invoke build --all": lambda _: made.inv("build", "--all"),
        }
        keys = dict(zip(ways, ("s-", "b-", "o-"), strict=True))
        new: dict[str, Way] = {way: partial(fresh, key) for way, key in keys.items()}
        compare("10 images, cold", ways, 5, before=new)
        compare("10 images, unchanged", ways, 5)
        # Without the seed's long turns between them, which warm nothing of theirs.
        rest = {name: ways[name] for name in list(ways)[1:]}

        def bake_and_pull(_: int) -> None:
            bake(made, latest["b-"])
            for name in NAMES:
                shell(["docker", "pull", "--quiet", made.world.ref(f"b-{name}:latest")])

        # What it takes a person to have every image in both places, as `invoke build` leaves them.
        rest["bake, then a docker pull each"] = bake_and_pull
        new["bake, then a docker pull each"] = partial(fresh, "b-")
        compare("10 images, cold, against bake", rest, 5, before=new)
        compare("10 images, unchanged, against bake", rest, 5)


if __name__ == "__main__":
    main()
