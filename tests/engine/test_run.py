"""Containers with the current folder, as the caller: shell and run."""

import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_world import BASE, Folder, World, docker
from projects import REPOSITORY

TOOL = f"FROM {BASE}\nENV SHOWN=here\nWORKDIR /workspace\n"


@pytest.fixture(scope="session")
def tool(world: World, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A project with one small image, built."""
    made = Folder(tmp_path_factory.mktemp("tool"))
    shutil.copy(REPOSITORY / "tasks.py", made.path)
    lines = (
        f"buildx: {{registry: '{world.registry}', namespace: {world.namespace}, default: tool}}\n"
    )
    made.write("invoke.yaml", lines)
    made.image("tool", TOOL)
    made.inv("build")
    return made


def test_arguments_arrive_byte_for_byte(tool: Folder) -> None:
    """Blanks, quotes, newlines, empty words, options and non-ASCII text."""
    words = ["a  b", "it's", '"q"', "", "-x", "--", "$HOME", "new\nline", "é🐳", "*"]
    done = tool.inv("run", "--", "printf", "<%s>", *words)
    assert done.stdout == "".join(f"<{word}>" for word in words)


def test_standard_input_and_output_are_those_of_the_command(tool: Folder) -> None:
    """Bytes go in and come out; nothing of ours stands between them."""
    text = "".join(chr(i) for i in range(32, 127)) + "\n"
    assert tool.inv("run", "--", "cat", stdin=text * 1000).stdout == text * 1000


def test_the_exit_code_is_the_commands_own(tool: Folder) -> None:
    """Signals count as 128 and their number."""
    tool.inv("run", "--", "bash", "-c", "exit 37", code=37)
    tool.inv("run", "--", "bash", "-c", "kill -TERM $$", code=143)
    tool.inv("run", "--", "no-such-command", code=127)


def test_the_current_folder_is_the_workspace_whatever_its_name(tool: Folder) -> None:
    """A path with blanks, commas, colons and quotes can be mounted too."""
    here = tool.path / 'odd, "name": x'
    here.mkdir(exist_ok=True)
    (here / "file").write_text("seen")
    done = tool.inv("run", "--", "sh", "-c", "pwd; cat file; touch made", cwd=here)
    assert done.stdout == "/workspace\nseen"
    assert (here / "made").exists()


def test_a_login_shell_without_a_terminal_reads_its_commands(tool: Folder) -> None:
    """`shell` in a pipe works, as a shell does."""
    done = tool.inv(
        "shell", stdin="echo $SHOWN; shopt -q login_shell && echo login\nexit 5\n", code=5
    )
    assert done.stdout == "here\nlogin\n"


def test_without_bash_it_is_sh(tool: Folder, world: World) -> None:
    """An image needs no bash."""
    tool.image("bare", TOOL + "RUN rm /bin/bash\n")
    done = tool.inv("run", "--image", "bare", "--", "echo", "a b")
    assert done.stdout == "a b\n"
    assert tool.inv("shell", "--image", "bare", stdin="echo $SHOWN\n").stdout == "here\n"


def test_a_signal_reaches_the_command(tool: Folder) -> None:
    """SIGTERM to our process ends the container, with the code that says so."""
    script = "trap 'exit 42' TERM; echo ready; sleep 60 & wait"
    running = subprocess.Popen(
        tool.argv("run", "--", "bash", "-c", script), cwd=tool.path, stdout=subprocess.PIPE
    )
    with running:
        assert running.stdout
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(signal.SIGTERM)
    assert running.returncode == 42


def test_on_a_terminal_the_container_has_one(tool: Folder) -> None:
    """The terminal is inherited, so that its size and its keys are the container's."""
    code = (
        "import fcntl, struct, sys, termios, os;"
        "fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 101, 0, 0));"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    words = tool.argv("run", "--", "stty", "size")
    output = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 1024)
        output.extend(data)
        return data

    folder = Path.cwd()
    os.chdir(tool.path)
    try:
        status = pty.spawn([sys.executable, "-c", code, *words], read)
    finally:
        os.chdir(folder)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"33 101" in output


def test_a_missing_image_is_built_first_or_not_at_all(folder: Folder) -> None:
    """--no-build leaves it to docker to say that there is none."""
    folder.image("late", TOOL)
    failed = folder.inv("run", "--no-build", "--", "true", code=1)
    assert "not built" in failed.stderr
    assert folder.inv("run", "--", "echo", "hi").stdout == "hi\n"


@pytest.fixture(scope="session")
def caller(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """A person with uid 4242 and three more groups, one of them without a name.

    The clone and its virtual environment are that person's own, made by ./inv.
    """
    home = Path("/var/tmp") / f"{world.namespace}-home"
    clone = home / "clone"
    shutil.copytree(REPOSITORY, clone, ignore=shutil.ignore_patterns(".venv", ".*cache", ".cov*"))
    (clone / "invoke.yaml").write_text(
        (clone / "invoke.yaml")
        .read_text()
        .replace("localhost:5000", world.registry)
        .replace("crazychenz", world.namespace)
    )
    subprocess.run(["chown", "-R", "4242:4343", str(home)], check=True)
    yield Folder(clone, {"HOME": str(home), "PYTHON": "/usr/bin/python3"})
    # The builder is recorded in that person's home, so only that person can remove it.
    as_caller(Folder(clone, {"HOME": str(home)}), "builder.rm")
    shutil.rmtree(home)


def as_caller(
    clone: Folder, *words: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Call ./inv as that person."""
    docker_gid = Path("/var/run/docker.sock").stat().st_gid
    return subprocess.run(
        [str(clone.path / "inv"), *words],
        cwd=cwd or clone.path,
        env={**os.environ, **clone.environ},
        user=4242,
        group=4343,
        extra_groups=[docker_gid, 5001, 5002],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )


def test_the_shipped_image_is_oneself(caller: Folder, world: World) -> None:
    """Numbers, groups, files on the bind mount, sudo, skel files and settings of swiss-knife."""
    as_caller(caller, "build")
    shared = caller.path / "shared"
    shared.mkdir()
    (shared / "group-file").touch()
    os.chown(shared, 4242, 4343)
    os.chown(shared / "group-file", 0, 5002)
    (shared / "group-file").chmod(0o664)
    script = (
        "id -u; id -g; id -G; echo hi > mine; echo hi > group-file; sudo -n id -u; pwd;"
        ' echo "$HOME $DOCKER_IMAGE_NAME $TERM"; ls -a ~; readlink /bin/sh; git --version'
    )
    done = as_caller(caller, "run", "--", "bash", "-c", script, cwd=shared)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["4242", "4343"]
    docker_gid = Path("/var/run/docker.sock").stat().st_gid
    assert set(lines[2].split()) == {"4343", str(docker_gid), "5001", "5002"}
    assert lines[3:6] == ["0", "/workspace", "/home/u4242 swiss-knife screen-256color"]
    assert {".bashrc", ".profile", "bash"} <= set(lines)
    assert ((shared / "mine").stat().st_uid, (shared / "mine").stat().st_gid) == (4242, 4343)
    assert (shared / "group-file").read_text() == "hi\n"
    docker("rmi", "--force", world.ref("swiss-knife:debian-bookworm"))


def test_a_base_with_a_user_of_ones_own_number_is_taken_over(folder: Folder, world: World) -> None:
    """As ubuntu:24.04 has: the account stays as a second name for it, with its home."""
    folder.image(
        "taken",
        f"FROM {BASE}\n"
        "RUN useradd -m -u 4242 -U ubuntu && touch /home/ubuntu/kept\n"
        "ARG uid gid username groupname groups\n{{ create_user() }}\n{{ create_user() }}\n"
        "RUN id -un && test -O ~ && test -O /home/ubuntu\n",
    )
    args = ["uid=4242", "gid=4242", "username=alice", "groupname=staff", "groups=docker:105 g7:7"]
    folder.inv("build", *(word for arg in args for word in ("--build-arg", arg)))
    ref = world.ref("taken:latest")
    script = "id; echo $HOME; ls /home/ubuntu; grep -c . /etc/passwd"
    seen = docker("run", "--rm", ref, "sh", "-c", script)
    assert seen.startswith("uid=4242(alice) gid=4242(ubuntu) groups=4242(ubuntu),7(lp),105(docker)")
    assert "/home/alice\nkept" in seen
    before = docker("run", "--rm", BASE, "grep", "-c", ".", "/etc/passwd")
    assert seen.splitlines()[-1] == str(int(before) + 2)


def test_the_shipped_image_works_on_a_base_with_uid_1000(folder: Folder, world: World) -> None:
    """ubuntu:24.04 has a user of that number; where Docker Hub is out of reach, one like it."""
    for name in ("dockerfiles", "imports"):
        shutil.copytree(REPOSITORY / name, folder.path / name)
    text = (REPOSITORY / "invoke.yaml").read_text()
    text = text.replace("localhost:5000", world.registry).replace("crazychenz", world.namespace)
    folder.write("invoke.yaml", text)
    copy = f"{world.registry}/library/ubuntu:24.04"
    like = f"FROM {BASE}\nRUN useradd -m -u 1000 -U -s /bin/bash ubuntu\n"
    build = ["docker", "buildx", "build", "--builder", "default", "-t", copy, "-"]
    subprocess.run(build, input=like.encode(), check=True, capture_output=True)
    docker("push", "--quiet", copy)
    docker("rmi", copy)
    me = ["uid=1000", "gid=1000", "username=me", "groupname=me", "groups=docker:105"]
    args = [word for arg in me for word in ("--build-arg", arg)]
    folder.inv("build", "--image", "swiss-knife:ubuntu-24.04", *args)
    words = ("sh", "-c", "id; sudo -n whoami; cd; pwd; ls -A")
    done = folder.inv("run", "--image", "swiss-knife:ubuntu-24.04", "--", *words)
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "uid=1000(me) gid=1000(me) groups=1000(me),105(docker)",
        "root",
        "/home/me",
    ]
    assert ".bashrc" in lines
    docker("rmi", "--force", world.ref("swiss-knife:ubuntu-24.04"))
