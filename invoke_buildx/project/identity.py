"""The caller: numeric ids, names fit for any user database, and every supplementary group."""

import grp
import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """Who files on a bind mount shall belong to.

    `groups` are the supplementary groups as (name, gid), the primary group left out.
    `through_sudo` tells that the ids are those of the person who called sudo.
    """

    uid: int
    gid: int
    username: str
    groupname: str
    groups: tuple[tuple[str, int], ...] = ()
    through_sudo: bool = False

    def build_args(self) -> dict[str, str]:
        """The build args that a Dockerfile may declare to make this user."""
        return {
            "uid": str(self.uid),
            "gid": str(self.gid),
            "username": self.username,
            "groupname": self.groupname,
            "groups": " ".join(f"{name}:{gid}" for name, gid in self.groups),
        }


def caller(environ: Mapping[str, str] = os.environ) -> Identity:
    """The person who runs this process; under sudo, the person who called it."""
    uid, gid = os.geteuid(), os.getegid()
    through_sudo = uid == 0 and _is_id(environ.get("SUDO_UID")) and environ["SUDO_UID"] != "0"
    if not through_sudo:
        return _identity(uid, gid, os.getgroups())
    uid, gid = int(environ["SUDO_UID"]), int(environ.get("SUDO_GID") or environ["SUDO_UID"])
    account = _account(uid)
    numbers = os.getgrouplist(account.pw_name, gid) if account else []
    return _identity(uid, gid, numbers, through_sudo=True)


def _identity(uid: int, gid: int, numbers: list[int], through_sudo: bool = False) -> Identity:
    account = _account(uid)
    username = plain_name(account.pw_name if account else "") or f"u{uid}"
    groupname = _group_name(gid)
    taken = {groupname}
    groups: list[tuple[str, int]] = []
    for number in sorted(set(numbers) - {gid}):
        name = _group_name(number)
        # Two directory names may shrink to one; the number tells them apart.
        name = f"g{number}" if name in taken else name
        taken.add(name)
        groups.append((name, number))
    return Identity(uid, gid, username, groupname, tuple(groups), through_sudo)


def plain_name(name: str) -> str:
    """Reduce a name to `[A-Za-z0-9_.-]` without a leading dash; directory services know more."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip("-")


def _group_name(gid: int) -> str:
    try:
        return plain_name(grp.getgrgid(gid).gr_name) or f"g{gid}"
    except KeyError:
        return f"g{gid}"


def _account(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _is_id(text: str | None) -> bool:
    return bool(text) and str(text).isascii() and str(text).isdigit()
