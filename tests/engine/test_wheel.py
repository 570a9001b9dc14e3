"""The wheel: installed elsewhere, it serves a project of two files."""

import getpass
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from engine_world import BASE, World, docker
from projects import REPOSITORY


def test_a_copied_tasks_file_and_one_template_are_a_project(tmp_path: Path, world: World) -> None:
    """The library's macros and scripts come from the wheel, not from this checkout."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", str(REPOSITORY)]
    subprocess.run([*build, "--wheel-dir", str(tmp_path)], check=True)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("tasks.py", "inv", "templates/macros/user.j2", "imports/create_user.sh"):
        assert f"invoke_buildx/starter/{name}" in names
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    lock = REPOSITORY / "requirements.lock"
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    project = tmp_path / "My Project"
    (project / "dockerfiles/tool").mkdir(parents=True)
    (project / "tasks.py").write_bytes((REPOSITORY / "tasks.py").read_bytes())
    template = f"FROM {BASE}\nARG uid gid username groupname groups\n{{{{ create_user() }}}}\n"
    (project / "dockerfiles/tool/Dockerfile.j2").write_text(template)
    environ = {
        **os.environ,
        "INVOKE_BUILDX_REGISTRY": world.registry,
        "INVOKE_BUILDX_NAMESPACE": world.namespace,
    }
    invoke = [str(tmp_path / "venv/bin/invoke"), "build", "run", "--", "id", "-un"]
    done = subprocess.run(
        invoke, cwd=project, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"{getpass.getuser()}\n"), done.stderr
    docker("rmi", "--force", world.ref("tool:latest"))
