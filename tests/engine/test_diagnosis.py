"""Why a build failed, where the reason lies outside its Dockerfile."""

import uuid

import pytest
from engine_world import BASE, Folder, docker


@pytest.mark.parametrize("step", ["RUN dd if=/dev/zero of=/big bs=1M", "COPY big /"])
def test_a_disk_that_fills_up_while_building_is_named(folder: Folder, step: str) -> None:
    """Also when BuildKit has given the space back; the builder's disk is a small one of its own."""
    name = f"ibx-small-{uuid.uuid4().hex[:8]}"
    disk = ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=320m")
    docker("volume", "create", "--driver", "local", *disk, f"buildx_buildkit_{name}0_state")
    environ = {"INVOKE_BUILDX_NAMESPACE": name}
    folder.write("big", "0" * (260 << 20))
    folder.image("full", f"FROM {BASE}\n{step}\n")
    try:
        last = folder.inv("build", code=1, environ=environ).stderr.splitlines()[-1]
    finally:
        folder.inv("builder.rm", environ=environ)
    assert last.startswith("full:latest: the disk is full (")
    assert last.endswith(f"docker buildx prune --builder {name}")
