"""Names of users and groups to numbers, and what a process needs to become one. See initgroups(3), getpwnam(3)."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

if sys.platform == "linux":
    import grp
    import pwd


class UserError(ValueError):
    """There is no such user or group here."""


@dataclass(frozen=True, slots=True)
class User:
    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]  #: all of them, `gid` included
    home: str
    shell: str


def user(name: str, group: str | None = None) -> User:
    """The user of this name (or number), with `group` as its primary group if given. Raises UserError."""
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        raise UserError(f"no user {name!r} on this machine") from None
    gid = entry.pw_gid if group is None else group_id(group)
    groups = tuple(dict.fromkeys((gid, *os.getgrouplist(entry.pw_name, gid))))
    return User(entry.pw_name, entry.pw_uid, gid, groups, entry.pw_dir, entry.pw_shell)


def group_id(name: str) -> int:
    """The number of the group of this name (or number). Raises UserError."""
    try:
        return (grp.getgrgid(int(name)) if name.isdigit() else grp.getgrnam(name)).gr_gid
    except (KeyError, OverflowError):
        raise UserError(f"no group {name!r} on this machine") from None


def may_become(wanted: User) -> bool:
    """Root may become anybody; others only themselves, with no group that they do not have."""
    if os.geteuid() == 0:
        return True
    return (
        wanted.uid == os.geteuid()
        and wanted.gid == os.getegid()
        and set(wanted.groups) <= {os.getegid(), *os.getgroups()}
    )


def own() -> str:
    """The name of the user this process runs as, or its number."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
