"""Oneself in any image: identities on bases, through the macro, the include and the scripts."""

import json
import shutil
import subprocess
from itertools import zip_longest
from typing import NamedTuple

import pytest
from engine_world import BASE, Folder, World, docker, settings_text
from projects import REPOSITORY

SUDO = '{{ apt_install("sudo") }}\n'
BUSYBOX = f"""\
FROM {BASE} AS made
{{{{ apt_install("busybox-static") }}}}
RUN mkdir -p /root-of-it/bin /root-of-it/tmp && cp /bin/busybox /root-of-it/bin && cd /root-of-it \\
    && for name in NAMES; do ln -sf busybox bin/$name; done
FROM scratch
COPY --from=made /root-of-it /
"""
DEBIAN = ("bullseye", "bookworm", "trixie", "ubuntu")
ALL = "$(bin/busybox --list | grep -vx busybox)"
FEW = "sh mkdir mv cp chown ls id tr sort"
BASES = {
    "bullseye": "FROM debian:bullseye\n" + SUDO,
    "bookworm": f"FROM {BASE}\n" + SUDO,
    "trixie": "FROM debian:trixie\n" + SUDO,
    # As ubuntu:24.04 has it; and it ends as that user, as many images for development do.
    "ubuntu": f"FROM {BASE}\n{SUDO}RUN useradd -m -u 1000 -U -G adm ubuntu\nUSER ubuntu\n",
    "busybox": BUSYBOX.replace("NAMES", ALL) + "RUN mkdir -p /root \\\n"
    "    && echo root:x:0:0:root:/root:/bin/sh > /etc/passwd \\\n"
    "    && printf 'root:x:0:\\nusers:x:100:' > /etc/group \\\n"
    "    && echo 'root:*::0:::::' > /etc/shadow\n",
    # No account file, no shadow, next to no program.
    "bare": BUSYBOX.replace("NAMES", FEW),
}
USER = "FROM {{ base }}\nARG uid gid username groupname groups\n"
USER += "{{ create_user() }}\n"


class Person(NamedTuple):
    """The values of the build args."""

    uid: int
    gid: int
    username: str
    groupname: str
    groups: str = ""

    @property
    def args(self) -> dict[str, str]:
        """As strings by their names."""
        return {key: str(value) for key, value in self._asdict().items()}

    @property
    def numbers(self) -> set[int]:
        """Every gid."""
        return {self.gid, *(int(word.partition(":")[2]) for word in self.groups.split())}


PEOPLE = {
    "plain": Person(4242, 4343, "alice", "people", "docker:105 g5002:5002"),
    "superuser": Person(0, 0, "root", "root", "docker:105"),
    "superuser-otherwise": Person(0, 4343, "boss", "people", "docker:105"),
    "largest": Person(4294967294, 4294967294, "huge", "huge", "g4294967293:4294967293"),
    "large": Person(1234567890, 1234567891, "ad", "ad"),
    "taken-uid": Person(1000, 4343, "alice", "people", "docker:105"),
    "taken-gid": Person(4242, 1000, "alice", "people"),
    "taken-name": Person(4242, 4343, "ubuntu", "people"),
    "taken-group": Person(4242, 4343, "alice", "ubuntu"),
    "taken-all": Person(1000, 1000, "ubuntu", "ubuntu", "adm:4"),
    "taken-crosswise": Person(1000, 60, "games", "users", "ubuntu:100 games:1000"),
    "system": Person(5, 20, "staff", "staff", "wheel:0 staff:50"),
    "nobody": Person(65534, 65534, "alice", "people"),
    "named-as-root": Person(4242, 4343, "root", "root"),
    "many-groups": Person(4242, 4343, "a", "b", " ".join(f"g{n}:{n}" for n in range(6000, 6070))),
    "dots-and-capitals": Person(4242, 4343, "John.Doe", "Domain.Users", "A.B:6001"),
    "digit-first": Person(4242, 4343, "1st", "2nd", "3rd:6003"),
    "digits": Person(4242, 4343, "1234", "5678", "9012:6004"),
    "long": Person(4242, 4343, "n" * 40, "g" * 40, f"{'h' * 40}:6005"),
    "blank": Person(4242, 4343, "John Doe", "Domain Users"),
    "directory": Person(4242, 4343, "CORP\\new", "CORP\\users", "CORP\\a:6006 b@corp:6007"),
    "mail": Person(4242, 4343, "john@corp.example", "all@corp.example"),
    "foreign": Person(4242, 4343, "jürgen", "größe", "maße:6010"),
}
# Said inside: one fact a line, so that a wrong one is easily found.
SEEN = """
id -u; id -g; echo $(id -G | tr ' ' '\\n' | sort -nu); printf '%s\\n' "$HOME"
ls -nd "$HOME" | while read -r _ _ uid gid _; do echo "$uid:$gid"; done
"""
SEEN_BY_DEBIAN = """
bash -lc 'echo "$HOME"'
sudo -n id -u
sudo -n -u "$(id -un)" sh -c 'printf "%s\\n" "$HOME"; echo $(id -G | tr " " "\\n" | sort -nu)'
getent passwd "$(id -u)" | head -1 | cut -d: -f1,7
ls -nA "$HOME" | while read -r _ _ uid gid _ _ _ _ name; do echo "$name=$uid:$gid"; done | grep rof
sudo -n find /var/log -size +1M
"""


@pytest.fixture(scope="module")
def bases(world: World, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A project with an image of each base, built, and one that makes the user."""
    made = Folder(tmp_path_factory.mktemp("bases"))
    shutil.copy(REPOSITORY / "tasks.py", made.path)
    made.write("invoke.yaml", settings_text(world) + "  default: debians\n")
    # What the default image starts from, doctor fetches or makes.
    copy = "COPY --from=debian:trixie /etc/debian_version /\n"
    made.image("debians", f"FROM debian:bullseye\n{copy}")
    made.inv("doctor", "--fix")
    for name, text in BASES.items():
        made.image(f"on-{name}", text)
    made.inv("build", "--all")
    made.image("user", USER)
    return made


def built(bases: Folder, world: World, base: str, people: dict[str, Person]) -> dict[str, str]:
    """The image of each person on that base, made in one call of plain bake."""
    named = f"base={world.ref(f'on-{base}:latest')}"
    text = bases.inv("render", "--image", "user", "--set", named).stdout
    images = {name: world.ref(f"{base}-{name}:latest") for name in people}
    target = {
        name: {
            "context": str(bases.path),
            "dockerfile-inline": text.replace("${", "$${"),
            "args": {key: value.replace("${", "$${") for key, value in person.args.items()},
            "tags": [images[name]],
            "labels": {"invoke-buildx.project": world.namespace},
            "output": ["type=image,push=true,compression=zstd,oci-mediatypes=true"],
        }
        for name, person in people.items()
    }
    whole = json.dumps({"group": {"default": {"targets": list(target)}}, "target": target})
    command = ["docker", "buildx", "bake", "--builder", world.namespace, "--provenance=false"]
    command += ["--progress=plain"]
    done = subprocess.run(
        [*command, "--allow=fs.read=*", "-f", "-"],
        input=whole.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return images


def size(image: str) -> int:
    """Bytes in the engine."""
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def wrong(person: Person, lines: list[str], *, debian: bool) -> list[str]:
    """What is not as that person would have it, line by line."""
    name = f"{person.username}-{person.uid}" if person.username == "root" else person.username
    home = "/root" if person.uid == 0 else f"/home/{name}"
    owner = f"{person.uid}:{person.gid}"
    groups = " ".join(map(str, sorted(person.numbers)))
    expected = [str(person.uid), str(person.gid), groups, home, owner]
    if debian:
        login = "root" if person.uid == 0 else name
        expected += [home, "0", home, groups, f"{login}:/bin/bash", f".profile={owner}"]
    pairs = zip_longest(lines, expected)
    return [f"{found!r}, not {wanted!r}" for found, wanted in pairs if found != wanted]


@pytest.mark.parametrize("base", BASES)
def test_everybody_is_oneself_on_every_base(bases: Folder, world: World, base: str) -> None:
    """Numbers, groups, home, skel files, sudo and shell are right, and the layer is small."""
    debian = base in DEBIAN
    images = built(bases, world, base, PEOPLE)
    docker("pull", "--quiet", world.ref(f"on-{base}:latest"))
    plain = size(world.ref(f"on-{base}:latest"))
    found: dict[str, object] = {}
    for name, person in PEOPLE.items():
        script = SEEN + (SEEN_BY_DEBIAN if debian else "")
        run = ["docker", "run", "--quiet", "--rm", "--network", "host", images[name]]
        done = subprocess.run(
            [*run, "sh", "-c", script], capture_output=True, text=True, check=False
        )
        mistakes = wrong(person, done.stdout.splitlines(), debian=debian)
        grown = size(images[name]) - plain
        if mistakes or done.stderr or grown > 1_000_000:
            found[name] = mistakes, done.stderr, grown
    docker("rmi", "--force", *images.values())
    assert found == {}


HOSTILE = (
    "a;touch /made",
    "$(touch /made)",
    "`touch /made`",
    "-u",
    "a:b",
    "a,b",
    "../x",
    "a\nb",
    "",
)
SHELLS = {"bash": "bash", "dash": "dash", "busybox": "busybox sh"}


def in_shell(bases: Folder, world: World, shell: str, script: str, *words: str) -> list[str]:
    """What a script says in a new container, with the scripts of imports/ at hand."""
    mount = f"type=bind,source={REPOSITORY / 'imports'},target=/imports,readonly"
    run = ("run", "--rm", "--network", "none", "--mount", mount, world.ref("shells:latest"))
    return docker(*run, *SHELLS[shell].split(), "-c", script, shell, *words).splitlines()


@pytest.fixture(scope="module")
def shells(bases: Folder) -> Folder:
    """An image with all three shells, and a user of uid 1000."""
    make = "RUN useradd -m -u 1000 -U ubuntu\n"
    bases.image("shells", f'FROM {BASE}\n{{{{ apt_install("busybox-static") }}}}\n{make}')
    bases.inv("build", "--image", "shells")
    return bases


@pytest.mark.parametrize("shell", SHELLS)
def test_the_scripts_do_the_same_on_every_shell_and_twice(
    shells: Folder, world: World, shell: str
) -> None:
    """The account files and the home after one run are those after two."""
    again = """
        $SH /imports/create_user.sh 1000 0100 'CORP\\new x' ubuntu
        $SH /imports/append_groups.sh 1000 docker:105 ubuntu:4000 users 'a\\b:0777' named
        cat /etc/passwd /etc/group /etc/shadow /etc/gshadow; ls -lnAR /home
    """
    script = f"SH='{SHELLS[shell]}'; cd /; {again} echo ----; {again}"
    first, second = "\n".join(in_shell(shells, world, shell, script)).split("\n----\n")
    assert first == second
    for line in (
        "CORP\\new x:x:1000:100::/home/CORP\\new x:/bin/bash",
        "ubuntu:x:1000:1000::/home/ubuntu:/bin/sh",
        "users:x:100:CORP\\new x",
        "docker:x:105:CORP\\new x",
        "g4000:x:4000:CORP\\new x",
        "a\\b:x:777:CORP\\new x",
        "named:x:1001:CORP\\new x",
        "CORP\\new x:*:19000:0:99999:7:::",
    ):
        assert line in first.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_values_that_look_like_code_are_refused_in_a_sentence(
    shells: Folder, world: World, shell: str
) -> None:
    """Nothing of them is run, and nothing is changed."""
    script = """
        before=$(cat /etc/passwd /etc/group)
        for value in "$@"; do
            for args in user group uid gid; do
                set -- 4242 4343 alice people
                case $args in
                    user) set -- 4242 4343 "$value" people ;;
                    group) set -- 4242 4343 alice "$value" ;;
                    uid) set -- "$value" 4343 alice people ;;
                    gid) set -- 4242 "$value" alice people ;;
                esac
                said=$($SH /imports/create_user.sh "$@" 2>&1) && echo "accepted: $value"
                case $said in "create_user: '"*"'"*) ;; *) echo "said: $said" ;; esac
            done
            for word in "$value" "$value:5" "x:$value"; do
                said=$($SH /imports/append_groups.sh root "$word" 2>&1) && echo "accepted: $word"
                case $said in "append_groups: '"*"'"*) ;; *) echo "said: $said" ;; esac
            done
        done
        [ "$before" = "$(cat /etc/passwd /etc/group)" ] || echo changed
        [ ! -e /made ] || echo made
    """
    found = in_shell(shells, world, shell, f"SH='{SHELLS[shell]}'\n{script}", *HOSTILE)
    assert found == []


def test_the_three_ways_make_the_same_user(bases: Folder, world: World) -> None:
    """The macro, the include, and the scripts as the seed has them: COPY, then RUN."""
    head = f"FROM {BASE}\nARG uid gid username groupname groups\n"
    for name in ("create_user.sh", "append_groups.sh"):
        text = (REPOSITORY / "imports" / name).read_text()
        bases.write(f"imports/{name}", text).chmod(0o755)
    texts = {
        "macro": head + "{{ create_user() }}\n",
        "include": head + '{% include "create_user.j2" %}',
        "scripts": head
        + "COPY imports/create_user.sh imports/append_groups.sh /usr/local/bin/\n"
        + "RUN create_user.sh ${uid} ${gid} ${username} ${groupname}\n"
        + "RUN append_groups.sh ${username} ${groups}\nUSER ${username}\n",
    }
    person = PEOPLE["plain"].args
    args = [word for pair in person.items() for word in ("--build-arg", "=".join(pair))]
    script = "id; echo $HOME; cat /etc/passwd /etc/group; ls -lnA --time-style=+ ~"
    seen = set()
    for name, text in texts.items():
        bases.image(name, text)
        bases.inv("build", "--image", name, *args)
        seen.add(docker("run", "--rm", world.ref(f"{name}:latest"), "sh", "-c", script))
    assert len(seen) == 1
    assert "uid=4242(alice) gid=4343(people) groups=4343(people),105(docker),5002(g5002)" in str(
        seen
    )


def test_a_refused_build_arg_ends_the_build_with_that_sentence(bases: Folder) -> None:
    """The scripts' words are a person's to read."""
    bases.image("refused", f"FROM {BASE}\nARG username groups\n{{{{ create_user() }}}}\n")
    for arg, sentence in {
        "username=a;touch /made": "create_user: 'a;touch /made' cannot be the name of an account",
        "groups=$(touch /made)": "append_groups: '$(touch' is not NAME:GID",
    }.items():
        done = bases.inv("build", "--image", "refused", "--build-arg", arg, code=1)
        assert sentence in done.stderr
