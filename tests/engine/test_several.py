"""Several images at once: by bake, image by image, without a registry, with failures."""

import signal
import subprocess
from collections.abc import Iterator

import pytest
from engine_world import BASE, Folder, World, docker

WORDS = r"${X:-y}$unset|%{z}|$$|\"q\"|Grüße"


def file_in(ref: str) -> str:
    """The file that the images here leave."""
    return docker("run", "--rm", "--network", "none", ref, "cat", "/file")


@pytest.fixture
def family(folder: Folder, world: World) -> Folder:
    """Two generations, and one that has nothing to do with them; none of them built yet."""
    world.forget("mother", "child", "other")
    folder.image("mother", f'FROM {BASE}\nRUN echo "{WORDS}" > /file\n')
    folder.image("child", 'FROM {{ ref("mother") }}\nRUN echo child >> /file\n')
    folder.image("other", f"FROM {BASE}\nRUN echo other > /file\n")
    return folder


def test_all_are_built_by_one_call(family: Folder, world: World) -> None:
    """Every line names its image, and no text is changed on the way."""
    done = family.inv("--echo", "build", "--all")
    assert done.stderr.count("docker buildx bake") == 1
    assert "child:latest  | RUN echo child >> /file" in done.stderr
    assert "mother:latest | RUN echo" in done.stderr
    assert "variable is not set" not in done.stderr
    assert done.stderr.splitlines()[-1] == "3 built."
    assert file_in(world.ref("child:latest")) == 'y|%{z}|$$|"q"|Grüße\nchild'.replace(
        "$$", file_in(world.ref("mother:latest")).split("|")[2]
    )
    assert file_in(world.ref("other:latest")) == "other"
    assert family.inv("build", "--all").stderr == "3 current.\n"
    family.image("other", f"FROM {BASE}\nRUN echo new > /file\n")
    done = family.inv("build", "--all")
    assert "Built" not in done.stderr
    assert done.stderr.splitlines()[-1] == "1 built, 2 current."


def test_a_failure_stops_only_what_is_made_from_it(family: Folder, world: World) -> None:
    """The slower sibling is built all the same, and the end says how to go on."""
    family.image("mother", f"FROM {BASE}\nRUN echo so far &&\\\n  exit 7\n")
    family.image("other", f"FROM {BASE}\nRUN sleep 2 && echo other > /file\n")
    failed = family.inv("build", "--all", code=1).stderr
    assert "mother:latest |   so far" in failed
    process = '"/bin/sh -c echo so far &&  exit 7"'
    assert failed.splitlines()[-4:] == [
        "1 built, 1 failed, 1 not tried.",
        f"failed     mother:latest  process {process} did not complete successfully: exit code: 7",
        "not tried  child:latest   needs mother:latest",
        "Go on with: invoke build --image mother:latest --image child:latest",
    ]
    assert file_in(world.ref("other:latest")) == "other"
    assert docker("images", "--quiet", world.ref("child:latest")) == ""


def test_a_dry_run_of_several_is_a_script_that_does_the_same(family: Folder, world: World) -> None:
    """Pasted into a shell, with bake's own progress."""
    script = family.inv("--dry", "build", "--all").stdout
    assert docker("images", "--quiet", world.ref("child:latest")) == ""
    subprocess.run(["sh", "-e"], input=script, text=True, check=True, capture_output=True)
    assert file_in(world.ref("child:latest")).endswith("child")
    assert family.inv("build", "--all").stderr == "3 current.\n"


def test_without_a_registry_parents_are_handed_over_within_the_call(
    family: Folder, world: World
) -> None:
    """Also one that is current already."""
    environ = {"INVOKE_BUILDX_DELIVERY": "load", "INVOKE_BUILDX_REGISTRY": "registry.invalid"}
    family.inv("build", "--image", "child", environ=environ)
    ref = f"registry.invalid/{world.namespace}/child:latest"
    assert file_in(ref).endswith("child")
    family.image("child", 'FROM {{ ref("mother") }}\nRUN echo again >> /file\n')
    said = family.inv("build", "--image", "child", environ=environ).stderr
    assert "Building mother" not in said
    assert file_in(ref).endswith("again")


def test_images_of_another_host_are_staged_here(family: Folder, world: World) -> None:
    """Nothing leaves the machine, and the child finds its mother all the same."""
    environ = {
        "INVOKE_BUILDX_REGISTRY": "registry.invalid",
        "INVOKE_BUILDX_LOCAL_PORT": world.registry.partition(":")[2],
    }
    family.inv("build", "--all", environ=environ)
    assert file_in(f"registry.invalid/{world.namespace}/child:latest").endswith("child")
    assert family.inv("build", "--all", environ=environ).stderr == "3 current.\n"
    family.image("child", 'FROM {{ ref("mother") }}\nRUN echo alone >> /file\n')
    family.inv("build", "--image", "child", environ=environ)
    assert file_in(f"registry.invalid/{world.namespace}/child:latest").endswith("alone")


@pytest.fixture
def own_builders(family: Folder) -> Iterator[dict[str, str]]:
    """The seed's one builder an image, removed afterwards."""
    environ = {"INVOKE_BUILDX_BUILDER_SCOPE": "image"}
    yield environ
    family.inv("builder.rm", environ=environ)


def test_images_with_builders_of_their_own_are_built_in_order(
    family: Folder, world: World, own_builders: dict[str, str]
) -> None:
    """Two at once, the child after her mother; a failure stops the child alone."""
    done = family.inv("--echo", "build", "--all", "--jobs", "2", environ=own_builders)
    assert done.stderr.count("docker buildx bake") == 3
    assert file_in(world.ref("child:latest")).endswith("child")
    family.image("mother", f"FROM {BASE}\nRUN false\n")
    family.image("other", f"FROM {BASE}\nRUN echo changed > /file\n")
    failed = family.inv("build", "--all", environ=own_builders, code=1).stderr
    assert "1 built, 1 failed, 1 not tried." in failed
    assert file_in(world.ref("other:latest")) == "changed"


def test_the_engines_own_builder_takes_several_too(family: Folder, world: World) -> None:
    """Without any registry or builder, and nothing is moved."""
    environ = {"INVOKE_BUILDX_BUILDER_DRIVER": "docker", "INVOKE_BUILDX_REGISTRY": "local.invalid"}
    done = family.inv("--echo", "build", "--all", environ=environ)
    assert "docker pull" not in done.stderr
    assert file_in(f"local.invalid/{world.namespace}/child:latest").endswith("child")
    assert family.inv("build", "--all", environ=environ).stderr == "3 current.\n"


def test_dependents_are_built_on_demand(family: Folder) -> None:
    """What is made from an image that changed."""
    family.inv("build", "--all")
    family.image("mother", f"FROM {BASE}\nRUN echo changed > /file\n")
    assert "child" not in family.inv("build", "--image", "mother").stderr
    said = family.inv("build", "--image", "mother", "--dependents").stderr
    assert "Building child:latest: changed: parent mother:latest." in said
    assert said.splitlines()[-1] == "1 built, 1 current."


def test_an_interrupt_ends_them_all(family: Folder) -> None:
    """With 130, and the builder can build again at once."""
    family.image("mother", f"FROM {BASE}\nRUN echo started && sleep 300\n")
    with family.started("build", "--all", until=b"|   started") as running:
        running.send_signal(signal.SIGTERM)
        assert running.stderr
        rest = running.stderr.read().decode()
    assert running.returncode == 130
    assert rest.splitlines()[-1] == "Interrupted."
    family.image("mother", f"FROM {BASE}\nRUN echo fine > /file\n")
    assert " built" in family.inv("build", "--all").stderr.splitlines()[-1]
