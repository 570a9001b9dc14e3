"""Did I push that? Status and push against a real registry."""

import json

from engine_world import BASE, Folder, World, docker


def row(folder: Folder, world: World) -> dict[str, object]:
    """The one row of `status --json`."""
    [found] = json.loads(folder.inv("status", "--json").stdout)
    assert isinstance(found, dict)
    assert found["ref"] == world.ref("known:latest")
    return found


def test_status_and_push_agree_at_every_step(folder: Folder, world: World) -> None:
    """Not built, built and pushed, changed since, pushed again."""
    folder.image("known", f"FROM {BASE}\nRUN echo 1 > /n\n")
    found = row(folder, world)
    assert (found["engine"], found["reason"]) == (
        {"state": "absent", "id": None},
        "it is not built",
    )
    assert "Build first: invoke build --image known:latest" in folder.inv("push", code=2).stderr
    folder.inv("build")
    found = row(folder, world)
    ref = world.ref("known:latest")
    identity = docker("image", "inspect", "--format", "{{.Id}}", ref)
    assert found["engine"] == {"state": "current", "id": identity}
    assert isinstance(found["registry"], dict)
    assert found["registry"]["state"] == "current"
    assert "is there already" in folder.inv("push").stderr
    folder.image("known", f"FROM {BASE}\nRUN echo 2 > /n\n")
    folder.inv("build", environ={"INVOKE_BUILDX_DELIVERY": "load"})
    found = row(folder, world)
    assert isinstance(found["registry"], dict)
    assert found["registry"]["state"] == "stale"
    assert found["reason"] == "the registry holds another build"
    table = folder.inv("status").stdout.splitlines()
    assert table[0].split() == ["IMAGE", "BUILT", "PUSHED", "REMARK"]
    assert table[1].split()[:3] == ["known:latest", "current", "stale"]
    assert "docker push --quiet" in folder.inv("--dry", "push").stdout
    assert "is pushed" in folder.inv("push").stderr
    assert "is there already" in folder.inv("push").stderr


def test_a_registry_that_does_not_answer_is_said_so(folder: Folder) -> None:
    """The rest of the table is still there."""
    folder.image("known", f"FROM {BASE}\n")
    environ = {"INVOKE_BUILDX_REGISTRY": "localhost:9"}
    [found] = json.loads(folder.inv("status", "--json", environ=environ).stdout)
    assert found["registry"]["state"] == "unreachable"
    assert found["reason"] == "it is not built; localhost:9 does not answer"
