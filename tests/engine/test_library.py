"""The packaged library in real images: packages, language, time, settings, labels, layout."""

import json

from engine_world import BASE, Folder, World, docker

# Debian has dnf, so a repository with one small package is all that is needed.
DNF = f"""\
FROM {BASE}
{{{{ apt_install("dnf", "rpm", "createrepo-c") }}}}
COPY <<'SPEC' /small.spec
Name: small
Version: 1.5
Release: 1
Summary: One file
License: MIT
BuildArch: noarch
%description
One file.
%install
mkdir -p $RPM_BUILD_ROOT/usr/share/small
echo it > $RPM_BUILD_ROOT/usr/share/small/it
%files
/usr/share/small/it
SPEC
RUN rpmbuild -bb --define '_rpmdir /repo' /small.spec && createrepo_c /repo
COPY <<'REPO' /etc/yum.repos.d/here.repo
[here]
name=here
baseurl=file:///repo
gpgcheck=0
REPO
{{{{ dnf_install("small-1.5*") }}}}
"""
EXTENDED = """\
{% extends "dev.Dockerfile.j2" %}
{% set packages = ["locales", "tzdata"] %}
{% block setup %}
{{ locale("de_DE.UTF-8") }}
{{ timezone("Europe/Berlin") }}
{{ copy_script("hello.sh", to="/usr/local/bin/hello") }}
{{ labels(version="1.2", source="https://example.org/$HOME") }}
{% endblock %}
"""


def test_an_extended_layout_is_an_image_to_work_in(folder: Folder, world: World) -> None:
    """Language, time, prompt, script, labels and user are as the template says."""
    vars_ = f"    dev: {{vars: {{base: '{BASE}'}}}}"
    settings = folder.path / "invoke.yaml"
    folder.write("invoke.yaml", settings.read_text() + f"  images:\n{vars_}\n")
    folder.image("dev", EXTENDED)
    folder.write("imports/hello.sh", '#!/bin/sh\necho "hello ${#1}"')
    person = ["uid=4242", "gid=4343", "username=alice", "groupname=people", "groups=docker:105"]
    folder.inv("build", *(word for arg in person for word in ("--build-arg", arg)))
    script = (
        "date +%Z --date 2026-01-01; LC_ALL= ls /nowhere; hello abc; LC_ALL=C id; pwd;"
        " echo $PS1; sudo -n id -u; readlink /bin/sh; ls /var/lib/apt/lists | grep Packages"
    )
    ref = world.ref("dev:latest")
    said = docker("run", "--rm", ref, "bash", "-ic", f"({script}) 2>&1", check=False)
    lines = [line for line in said.splitlines() if not line.startswith("bash: ")]
    assert lines[0] == "CET"
    assert "Datei oder Verzeichnis nicht gefunden" in lines[1]
    assert lines[2:5] == [
        "hello 3",
        "uid=4242(alice) gid=4343(people) groups=4343(people),105(docker)",
        "/workspace",
    ]
    assert "${DOCKER_IMAGE_NAME:-container}" in lines[5]
    assert lines[6:] == ["0", "bash"]
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", ref))
    assert labels["org.opencontainers.image.source"] == "https://example.org/$HOME"
    assert labels["org.opencontainers.image.version"] == "1.2"
    assert labels["org.opencontainers.image.title"] == "dev"


def test_sudo_may_come_later_or_not_at_all(folder: Folder, world: World) -> None:
    """`sudo_nopasswd()` writes the rule; `create_user(sudo=false)` leaves it out."""
    user = "ARG uid gid username groupname groups\n{{ create_user(sudo=false) }}\n"
    sudo = '{{ apt_install("sudo") }}\n'
    folder.image(
        "late-sudo", f"FROM {BASE}\n{user}USER root\n{sudo}{{{{ sudo_nopasswd() }}}}\nUSER 4242\n"
    )
    folder.image("no-sudo", f"FROM {BASE}\n{sudo}{user}")
    person = ["uid=4242", "gid=4343", "username=alice", "groupname=people", "groups="]
    folder.inv("build", "--all", *(word for arg in person for word in ("--build-arg", arg)))
    assert docker("run", "--rm", world.ref("late-sudo:latest"), "sudo", "-n", "id", "-u") == "0"
    refused = docker("run", "--rm", world.ref("no-sudo:latest"), "sudo", "-n", "id", check=False)
    assert refused == ""


def test_dnf_installs_a_pinned_package_and_leaves_no_lists(folder: Folder, world: World) -> None:
    """What dnf has downloaded stays in the cache mount."""
    folder.image("rpm", DNF)
    folder.inv("build")
    script = "cat /usr/share/small/it; find /var/cache/*dnf* -type f 2> /dev/null || true"
    assert docker("run", "--rm", world.ref("rpm:latest"), "sh", "-c", script) == "it"


APK = f"""\
FROM {BASE}
COPY --chmod=755 <<'APK' /usr/bin/apk
#!/bin/sh
printf '<%s>' "$@" > /called
test -w /var/cache/apk
APK
{{{{ apk_add("curl", "git=~2.43") }}}}
"""


def test_apk_is_called_with_its_words(folder: Folder, world: World) -> None:
    """There is no apk where these tests run, so a stand-in writes down how it is called."""
    folder.image("apk", APK)
    folder.inv("build")
    assert docker("run", "--rm", world.ref("apk:latest"), "cat", "/called") == (
        "<add><--update-cache><--cache-dir></var/cache/apk><--><curl><git=~2.43>"
    )


def test_what_the_base_lacks_is_said_in_a_sentence(folder: Folder) -> None:
    """A zone, a locale or a package that is not there ends the build with the reason."""
    for call, sentence in {
        'timezone("Europe/Berlin")': 'zones come with apt_install("tzdata")',
        'locale("de_DE.UTF-8")': 'install its source first, as by apt_install("locales")',
        'apt_install("-oDPkg::Pre-Invoke::=touch /made")': "Unable to locate package -o",
    }.items():
        folder.image("lacking", f"FROM {BASE}\nRUN rm -rf /usr/share/zoneinfo\n{{{{ {call} }}}}\n")
        assert sentence in folder.inv("build", code=1).stderr
