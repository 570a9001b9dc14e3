"""Builds on a real builder, delivered to a real engine and registry."""

import os
import signal
import subprocess
import urllib.request
from json import loads

from engine_world import BASE, Folder, World, docker, settings_text

from invoke_buildx.hub import hub_answers

TINY = f"FROM {BASE}\nRUN echo tiny > /tiny\n"


def test_an_image_is_in_engine_and_registry_after_build(folder: Folder, world: World) -> None:
    """With our label, and without touching the person's current builder."""
    before = docker("buildx", "inspect")
    folder.image("tiny", TINY)
    done = folder.inv("build")
    ref = world.ref("tiny:latest")
    assert f"Built {ref}" in done.stderr
    assert done.stdout == ""
    assert docker("run", "--rm", ref, "cat", "/tiny") == "tiny"
    label = '{{index .Config.Labels "invoke-buildx.project"}}'
    assert docker("image", "inspect", "--format", label, ref) == world.namespace
    with urllib.request.urlopen(
        f"http://{world.registry}/v2/{world.namespace}/tiny/tags/list"
    ) as answer:
        assert loads(answer.read())["tags"] == ["latest"]
    assert docker("buildx", "inspect").splitlines()[0] == before.splitlines()[0]


def test_a_child_finds_its_parent_by_itself(folder: Folder, world: World) -> None:
    """`build` of the child builds the parent first; --no-deps does not."""
    folder.image("mother", TINY)
    folder.image("child", 'FROM {{ ref("mother") }}\nRUN cat /tiny /tiny > /twice\n')
    assert "Building mother:latest" in folder.inv("build", "--image", "child").stderr
    assert docker("run", "--rm", world.ref("child:latest"), "cat", "/twice") == "tiny\ntiny"
    assert "mother:latest," not in folder.inv("build", "--image", "child", "--no-deps").stderr


def test_a_large_dockerfile_with_any_text_is_passed_on_stdin(folder: Folder, world: World) -> None:
    """100 KB of non-ASCII text arrives whole."""
    line = "# Grüße 世界 🐳 " + "x" * 80 + "\n"
    folder.image("large", TINY + line * 1000 + "LABEL greeting=Grüße\n")
    folder.inv("build")
    label = '{{index .Config.Labels "greeting"}}'
    assert docker("image", "inspect", "--format", label, world.ref("large:latest")) == "Grüße"


def test_a_dry_run_changes_nothing_and_its_script_does_the_same(
    folder: Folder, world: World
) -> None:
    """Pasted into a shell, the printed commands build and deliver."""
    folder.image("dry", "FROM " + BASE + '\nRUN echo "it\'s" > /dry\n')
    script = folder.inv("--dry", "build").stdout
    ref = world.ref("dry:latest")
    assert docker("images", "--quiet", ref) == ""
    assert "-f - " in script
    subprocess.run(["sh", "-eu"], input=script.encode(), check=True, capture_output=True)
    assert docker("run", "--rm", ref, "cat", "/dry") == "it's"


def test_args_labels_target_and_values_reach_the_build(folder: Folder, world: World) -> None:
    """From the settings and from the command line."""
    folder.write(
        "invoke.yaml",
        settings_text(world, ["    opts:", "      target: two", "      args: {A: '1'}",
                              "      labels: {l: v}"]),
    )  # fmt: skip
    text = f"FROM {BASE} AS two\nARG A B\nRUN echo $A $B {{{{ C }}}} > /got\nFROM scratch\n"
    folder.image("opts", text)
    folder.inv("build", "--set", "C=3", "--build-arg", "B=2")
    ref = world.ref("opts:latest")
    assert docker("run", "--rm", ref, "cat", "/got") == "1 2 3"
    assert docker("image", "inspect", "--format", "{{.Config.Labels.l}}", ref) == "v"


def test_the_engines_own_builder_needs_no_builder_and_no_transfer(
    folder: Folder, world: World
) -> None:
    """driver: docker builds straight into the engine, parents too."""
    folder.image("mother", TINY)
    folder.image("own", 'FROM {{ ref("mother") }}\nRUN echo own > /own\n')
    environ = {"INVOKE_BUILDX_BUILDER_DRIVER": "docker", "INVOKE_BUILDX_NAMESPACE": "ibx-own"}
    try:
        script = folder.inv("--dry", "build", "--image", "own", environ=environ).stdout
        assert "--load" not in script
        assert "docker pull" not in script
        folder.inv("build", "--image", "own", environ=environ)
        ref = f"{world.registry}/ibx-own/own:latest"
        assert docker("run", "--rm", ref, "cat", "/own") == "own"
        assert "none" in folder.inv("builder.ls", environ=environ).stdout
    finally:
        names = docker("images", "-q", "--filter", "label=invoke-buildx.project=ibx-own").split()
        docker("rmi", "--force", *dict.fromkeys(names), check=False)


def test_without_a_registry_the_image_is_loaded(folder: Folder, world: World) -> None:
    """delivery: load is the seed's way."""
    folder.image("loaded", TINY)
    environ = {"INVOKE_BUILDX_DELIVERY": "load"}
    assert "--load" in folder.inv("--dry", "build", environ=environ).stdout
    folder.inv("build", environ=environ)
    assert docker("run", "--rm", world.ref("loaded:latest"), "cat", "/tiny") == "tiny"


def test_images_of_another_host_stay_on_this_machine_until_pushed(
    folder: Folder, world: World
) -> None:
    """The parent is staged in the local registry, and the child finds it there."""
    folder.image("mother", TINY)
    folder.image("child", 'FROM {{ ref("mother") }}\nRUN cat /tiny > /got\n')
    environ = {
        "INVOKE_BUILDX_REGISTRY": "registry.invalid",
        "INVOKE_BUILDX_LOCAL_PORT": world.registry.partition(":")[2],
    }
    folder.inv("build", "--image", "child", environ=environ)
    ref = f"registry.invalid/{world.namespace}/child:latest"
    assert docker("run", "--rm", ref, "cat", "/got") == "tiny"
    failed = folder.inv("push", "--image", "child", environ=environ, code=1)
    assert "docker push failed" in failed.stderr


def test_a_failing_instruction_ends_with_one_sentence(folder: Folder) -> None:
    """BuildKit's own output says why; nothing is delivered."""
    folder.image("broken", f"FROM {BASE}\nRUN false\n")
    failed = folder.inv("build", code=1)
    assert failed.stderr.splitlines()[-1].startswith("broken:latest: docker buildx build failed")


def test_a_base_that_cannot_be_had_is_named(folder: Folder, world: World) -> None:
    """Where Docker Hub answers, BuildKit's own words say that it has none."""
    folder.image("far", "FROM ibx-no-such-base:1\n")
    last = folder.inv("build", code=1).stderr.splitlines()[-1]
    if hub_answers():
        assert last == "far:latest: docker buildx build failed (exit code 1)."
    else:
        assert last.startswith(
            f"far:latest: Docker Hub cannot be reached and {world.registry} has no copy of"
            " docker.io/library/ibx-no-such-base:1."
        )


def test_a_missing_source_is_named_before_anything_is_built(folder: Folder, world: World) -> None:
    """Without waiting for BuildKit."""
    folder.image("lost", f"FROM {BASE}\nCOPY imports/nope.sh /\n")
    failed = folder.inv("build", code=1)
    assert "line 2: COPY imports/nope.sh: there is no such file" in failed.stderr
    assert "#1" not in failed.stderr


def test_an_interrupt_ends_everything_with_130(folder: Folder, world: World) -> None:
    """As Ctrl-C does; the builder can build again at once."""
    folder.image("slow", f"FROM {BASE}\nRUN echo started && sleep 300\n")
    with folder.started("build", until=b" started\n") as running:
        os.killpg(running.pid, signal.SIGINT)
        assert running.stderr
        rest = running.stderr.read().decode()
    assert running.returncode == 130
    assert rest.splitlines()[-1] == "Interrupted."
    folder.image("slow", TINY)
    folder.inv("build")


def test_two_builds_at_once_both_end_well(folder: Folder, world: World) -> None:
    """They share a builder that neither of them found."""
    namespace = f"{world.namespace}-pair"
    environ = {**os.environ, "INVOKE_BUILDX_NAMESPACE": namespace}
    folder.image("pair", "FROM scratch\nCOPY tasks.py /\n")
    pair = [
        subprocess.Popen(
            folder.argv("build"), cwd=folder.path, env=environ, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        outputs = [one.communicate(timeout=120)[1] for one in pair]
        assert [one.returncode for one in pair] == [0, 0], "\n".join(outputs)
    finally:
        folder.inv("builder.rm", environ={"INVOKE_BUILDX_NAMESPACE": namespace})
        docker("rmi", "--force", f"{world.registry}/{namespace}/pair:latest", check=False)
