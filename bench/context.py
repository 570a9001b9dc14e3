"""Two images that copy different files of one folder of 20,000, built in turn."""

import os

from harness import BASE, bench, compare, facts, shell

COPIES = {"one": "COPY d1/f1 /f\n", "all": "COPY . /all\n"}


def main() -> None:
    """Plain buildx against ours, both with the unchanged folder."""
    facts()
    with bench("context") as made:
        root = made.folder.path
        for number in range(100):
            folder = root / f"d{number}"
            folder.mkdir()
            for file in range(200):
                (folder / f"f{file}").write_bytes(os.urandom(10_000))
        texts = {name: f"FROM {BASE}\n{copy}" for name, copy in COPIES.items()}
        for name, text in texts.items():
            made.folder.image(name, text)
        plain = ["docker", "buildx", "build", "--builder", made.world.namespace]

        def buildx(_: int) -> None:
            for name, text in texts.items():
                reference = made.world.ref(f"plain-{name}:latest")
                output = ["--push", "-t", reference, "-f", "-", str(root)]
                shell([*plain, *output], stdin=text)

        def ours(_: int) -> None:
            for name in texts:
                made.inv("build", "--image", name)

        buildx(0)
        ours(0)
        compare("two images in turn", {"buildx build --push": buildx, "invoke build": ours}, 5)


if __name__ == "__main__":
    main()
