"""The caller's numbers and names."""

import grp
import os
import pwd

import pytest

from invoke_buildx.project.identity import Identity, caller, plain_name


def account(name: str, uid: int, gid: int) -> pwd.struct_passwd:
    """A line of the user database."""
    return pwd.struct_passwd((name, "x", uid, gid, "", "/home/x", "/bin/sh"))


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user database that a directory service could serve."""
    users = {4242: account("CORP\\john smith", 4242, 4343)}
    groups = {4343: "domain users", 105: "docker", 106: "domain_users"}

    def group(gid: int) -> grp.struct_group:
        return grp.struct_group((groups[gid], "x", gid, []))

    monkeypatch.setattr(pwd, "getpwuid", lambda uid: users[uid])
    monkeypatch.setattr(grp, "getgrgid", group)
    monkeypatch.setattr(os, "getgrouplist", lambda _name, gid: [gid, 105])
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    monkeypatch.setattr(os, "getegid", lambda: 4343)
    monkeypatch.setattr(os, "getgroups", lambda: [4343, 105, 106, 5002])


def test_names_are_reduced_and_every_group_keeps_its_number(directory: None) -> None:
    """Odd names shrink, a nameless gid gets one, two names that shrink to one stay apart."""
    found = caller({})
    assert found.build_args() == {
        "uid": "4242",
        "gid": "4343",
        "username": "CORP_john_smith",
        "groupname": "domain_users",
        "groups": "docker:105 g106:106 g5002:5002",
    }


def test_a_uid_without_a_name_gets_one(directory: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that no user database knows still can be built for."""
    monkeypatch.setattr(os, "geteuid", lambda: 77)
    assert caller({}).username == "u77"


def test_under_sudo_the_identity_is_the_persons(
    directory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SUDO_UID and SUDO_GID count, and the groups are those of that person."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = caller({"SUDO_UID": "4242", "SUDO_GID": "4343"})
    groups = (("docker", 105),)
    assert found == Identity(4242, 4343, "CORP_john_smith", "domain_users", groups, True)


@pytest.mark.parametrize("value", ["", "0", "x", "-1"])
def test_sudo_of_root_or_nonsense_changes_nothing(
    directory: None, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Only the id of another person than root makes a difference."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: account("root", uid, 0))
    assert not caller({"SUDO_UID": value}).through_sudo


def test_a_plain_name_never_starts_with_a_dash() -> None:
    """So that the seed's unquoted use cannot turn a name into an option."""
    assert plain_name("--rm -rf") == "rm_-rf"
    assert plain_name("$(id)\n") == "__id__"
