"""What has not changed is not built, pulled or pushed; what has is, and it is said why."""

import json

from engine_world import BASE, Folder, World, docker, free_port

from invoke_buildx.engine.distribution import Registry

COPY = f"FROM {BASE}\nCOPY file /file\n"


def build(folder: Folder, *words: str) -> str:
    """What a build says."""
    return folder.inv("build", *words).stderr


def content(world: World, label: str) -> str:
    """The file in an image, as a container sees it."""
    return docker("run", "--rm", "--network", "none", world.ref(label), "cat", "/file")


def test_an_unchanged_image_starts_no_process(folder: Folder, world: World) -> None:
    """Neither the unrelated file nor the time of the file matters; its content does."""
    folder.image("skip", COPY)
    folder.write("file", "one")
    assert "Building skip:latest: it is not built." in build(folder)
    folder.write("unrelated", "x")
    folder.write("file", "one")
    assert folder.inv("--echo", "build").stderr == "skip:latest is current.\n"
    dry = folder.inv("--dry", "build")
    assert (dry.stdout, dry.stderr) == ("", "skip:latest is current.\n")
    folder.write("file", "two")
    assert "Building skip:latest: changed: file file." in build(folder)
    assert content(world, "skip:latest") == "two"


def test_why_and_the_diff_show_the_lines(folder: Folder) -> None:
    """And `why` says what is to be done, for people and for programs."""
    folder.image("asked", f"FROM {BASE}\nRUN echo one\n")
    assert folder.inv("why").stdout == "asked:latest: build, since it is not built\n"
    assert "not built by this tool" in folder.inv("render", "--diff", code=1).stderr
    build(folder)
    assert folder.inv("why").stdout == "asked:latest is current.\n"
    folder.image("asked", f"FROM {BASE}\nRUN echo two\n")
    lines = ["@@ -1,2 +1,2 @@", f" FROM {BASE}", "-RUN echo one", "+RUN echo two"]
    assert folder.inv("render", "--diff").stdout.splitlines() == lines
    [found] = json.loads(folder.inv("why", "--json").stdout)
    assert found == {
        "image": "asked:latest",
        "action": "build",
        "reasons": ["changed: the Dockerfile's text"],
        "diff": lines,
    }
    [row] = json.loads(folder.inv("status", "--json").stdout)
    assert (row["engine"]["state"], row["registry"]["state"]) == ("stale", "stale")
    assert row["reason"] == "changed: the Dockerfile's text"


def test_what_one_place_has_lost_is_moved_and_not_built(folder: Folder, world: World) -> None:
    """The same image, not one like it."""
    folder.image("lost", COPY)
    folder.write("file", "kept")
    build(folder)
    ref = world.ref("lost:latest")
    identity = docker("image", "inspect", "--format", "{{.Id}}", ref)
    docker("rmi", "--force", ref)
    assert build(folder) == f"Pulled {ref}, which the engine did not hold.\n"
    assert docker("image", "inspect", "--format", "{{.Id}}", ref) == identity
    world.forget_pushed("lost")
    sentence = f"Pushed {ref} to {world.registry}, which did not hold it.\n"
    assert build(folder) == sentence
    docker("rmi", "--force", ref)
    assert "Pulled" in build(folder)
    assert docker("image", "inspect", "--format", "{{.Id}}", ref) == identity
    assert content(world, "lost:latest") == "kept"


def test_a_base_that_moved_is_noticed(folder: Folder, world: World) -> None:
    """Also one that the local registry stands in for."""
    base = f"{world.registry}/library/ibx-moving:1"
    for word in ("one", "two"):
        text = f"FROM {BASE}\nRUN echo {word} > /file\n"
        folder.write("Moving", text)
        docker("build", "-q", "-t", base, "-f", str(folder.path / "Moving"), str(folder.path))
        docker("push", "--quiet", base)
        docker("rmi", "--force", base)
        folder.image("moved", "FROM ibx-moving:1\n")
        said = build(folder)
        assert content(world, "moved:latest") == word
    assert "changed: base ibx-moving:1" in said


def test_force_and_no_cache_build_anyway(folder: Folder, world: World) -> None:
    """And what is made from it is built again, since it may have become another."""
    folder.image("mother", f"FROM {BASE}\nRUN cat /proc/sys/kernel/random/uuid > /file\n")
    folder.image("child", 'FROM {{ ref("mother") }}\n')
    build(folder, "--all")
    first = content(world, "mother:latest")
    assert "--force was given" in build(folder, "--image", "mother", "--force")
    assert content(world, "mother:latest") == first
    assert "--no-cache was given" in build(folder, "--image", "mother", "--no-cache")
    second = content(world, "mother:latest")
    assert second != first
    said = build(folder, "--image", "child")
    assert "Building child:latest: changed: parent mother:latest." in said
    assert content(world, "child:latest") == second
    assert build(folder, "--all") == "2 current.\n"


def test_what_a_parent_does_on_build_counts_for_the_child(folder: Folder, world: World) -> None:
    """Its ONBUILD lines read the child's context."""
    folder.image("mother", f"FROM {BASE}\nONBUILD COPY file /file\n")
    folder.image("child", 'FROM {{ ref("mother") }}\n')
    folder.write("file", "one")
    build(folder, "--image", "child")
    [mother, child] = json.loads(folder.inv("graph", "--json").stdout)["images"]
    assert (mother["sources"], child["sources"]) == ([], ["file"])
    folder.write("file", "two")
    assert "Building child:latest: changed: file file." in build(folder, "--image", "child")
    assert content(world, "child:latest") == "two"


def test_what_the_text_cannot_tell_is_always_built(folder: Folder, world: World) -> None:
    """An address may hold something else, a variable of the base may name another file."""
    folder.image("fetch", f"FROM {BASE}\nADD http://{world.registry}/v2/ /file\n")
    build(folder)
    assert "fetches can change, so it is always built" in build(folder)
    folder.image("named", f"FROM {BASE}\nENV which=file\n")
    folder.image("fetch", 'FROM {{ ref("named") }}\nCOPY $which /file\n')
    folder.write("file", "by variable")
    said = build(folder, "--image", "fetch")
    assert "$which uses a variable that the base image may set" in said
    assert content(world, "fetch:latest") == "by variable"


def test_run_builds_what_is_stale_and_takes_what_was_made_by_hand(folder: Folder) -> None:
    """A build with --build-arg is not undone by the next shell."""
    folder.image("used", f"FROM {BASE}\nARG word=file\nRUN echo $word > /file\n")
    run = ("run", "--", "cat", "/file")
    assert folder.inv(*run).stdout == "file\n"
    folder.image("used", f"FROM {BASE}\nARG word=file\nRUN echo new $word > /file\n")
    assert folder.inv("run", "--no-build", "--", "cat", "/file").stdout == "file\n"
    assert folder.inv(*run).stdout == "new file\n"
    build(folder, "--build-arg", "word=hand")
    done = folder.inv(*run)
    assert done.stdout == "new hand\n"
    assert "used:latest as it was built with --build-arg word." in done.stderr
    build(folder)
    assert folder.inv(*run).stdout == "new file\n"


def test_no_deps_builds_on_the_parent_as_it_is(folder: Folder, world: World) -> None:
    """And does not claim to be made from the parent as it should be."""
    folder.image("mother", f"FROM {BASE}\nRUN echo one > /file\n")
    folder.image("child", 'FROM {{ ref("mother") }}\nRUN true\n')
    build(folder, "--image", "child")
    folder.image("mother", f"FROM {BASE}\nRUN echo two > /file\n")
    folder.image("child", 'FROM {{ ref("mother") }}\nRUN true again\n')
    assert "mother:latest:" not in build(folder, "--image", "child", "--no-deps")
    assert content(world, "child:latest") == "one"
    assert "changed: parent mother:latest" in build(folder, "--image", "child")
    assert content(world, "child:latest") == "two"


def test_a_file_that_changes_while_it_is_built_is_built_again(folder: Folder, world: World) -> None:
    """Else its label would tell of a file that is not in the image, or the other way round."""
    folder.image("racing", f"FROM {BASE}\nRUN echo started && sleep 3\nCOPY file /file\n")
    folder.write("file", "before")
    with folder.started("build", until=b" started\n") as running:
        folder.write("file", "after")
        assert running.stderr
        said = running.stderr.read().decode()
    assert "Files changed while these were built: racing:latest." in said
    assert content(world, "racing:latest") == "after"
    assert build(folder) == "racing:latest is current.\n"


def test_an_unchanged_parent_of_another_host_is_pinned(folder: Folder, world: World) -> None:
    """Its child is built on exactly the copy that was looked at."""
    environ = {
        "INVOKE_BUILDX_REGISTRY": "registry.invalid",
        "INVOKE_BUILDX_LOCAL_PORT": world.registry.partition(":")[2],
    }
    folder.image("pinned", f"FROM {BASE}\nRUN echo one > /file\n")
    folder.image("on-it", 'FROM {{ ref("pinned") }}\n')
    folder.inv("build", "--image", "pinned", environ=environ)
    said = folder.inv("--echo", "build", "--image", "on-it", environ=environ).stderr
    name = f"{world.namespace}/pinned"
    staged = f"docker-image://{world.registry}/staged/registry.invalid/{name}:latest@sha256:"
    assert f"--build-context registry.invalid/{name}={staged}" in said


def test_an_image_for_several_platforms_is_known_by_its_index(folder: Folder, world: World) -> None:
    """The engine has one of them; what the registry lost only a build can bring back."""
    folder.image("wide", "FROM scratch\nARG TARGETARCH\nCOPY file /file-$TARGETARCH\n")
    folder.write("file", "x")
    wide = ("--platform", "linux/amd64,linux/arm64")
    build(folder, *wide)
    assert build(folder, *wide) == "wide:latest is current.\n"
    docker("rmi", "--force", world.ref("wide:latest"))
    assert "Pulled" in build(folder, *wide)
    world.forget_pushed("wide")
    assert "does not hold it" in build(folder, *wide)
    manifest = Registry(world.registry).manifest(f"{world.namespace}/wide", "latest")
    assert manifest is not None
    found = {entry["platform"]["architecture"] for entry in manifest.children}
    assert found == {"amd64", "arm64"}


def test_a_registry_that_goes_away_loses_nothing(folder: Folder, world: World) -> None:
    """The build ends with one sentence, and the next one goes on from the cache."""
    port = free_port()
    environ = {
        "INVOKE_BUILDX_REGISTRY": f"localhost:{port}",
        "INVOKE_BUILDX_NAMESPACE": f"{world.namespace}-gone",
    }
    container = f"invoke-buildx-registry-{port}"
    folder.image("gone", f"FROM {world.ref('kept:latest')}\nRUN echo started && sleep 2\n")
    folder.image("kept", f"FROM {BASE}\n")
    build(folder, "--image", "kept")
    try:
        words = ("build", "--image", "gone")
        with folder.started(*words, until=b" started\n", environ=environ) as one:
            docker("rm", "--force", container)
            assert one.stderr
            last = one.stderr.read().decode().splitlines()[-1]
        assert one.returncode == 1
        assert last.startswith("gone:latest: docker buildx build failed")
        said = folder.inv(*words, environ=environ).stderr
        assert f"Started the registry at localhost:{port}." in said
        assert "CACHED" in said
    finally:
        folder.inv("builder.rm", environ=environ)
        folder.inv("registry.down", environ=environ)
        docker("volume", "rm", container)
