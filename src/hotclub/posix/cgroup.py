"""A control group per process, for the one thing it does better than anything else: ending all that is in it.

Only cgroup v2 has `cgroup.kill`; no controller is needed for it. Under systemd a place is used only where systemd has
delegated it. Moving a process there is not free (tens of milliseconds at worst), so births do not wait for it. See
cgroups(7) and the kernel's cgroup-v2 document.
"""

from __future__ import annotations

import os

from hotclub.posix import tree

#: Where cgroup v2 is mounted: alone, or beside version 1.
_MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")


def place() -> str | None:
    """The folder of this process's own group if groups may be made below it, else None."""
    own = of(os.getpid())
    if own is None:
        return None
    for mount in _MOUNTS:
        folder = mount + own.rstrip("/")
        if os.path.exists(os.path.join(folder, "cgroup.procs")) and os.path.exists(os.path.join(mount, "cgroup.procs")):
            return folder if _usable(folder) else None
    return None


def make(folder: str) -> bool:
    """Make a group (it may exist); False when the kernel refuses or could not kill it as a whole."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return False
    if os.path.exists(os.path.join(folder, "cgroup.kill")):
        return True
    remove(folder)
    return False


def move(folder: str, pid: int) -> bool:
    return _put(folder, "cgroup.procs", str(pid))


def kill(folder: str) -> bool:
    """Send KILL to everything in it, at once, however fast it forks."""
    return _put(folder, "cgroup.kill", "1")


def members(folder: str) -> list[int]:
    try:
        with open(os.path.join(folder, "cgroup.procs"), encoding="ascii") as file:
            return [int(line) for line in file]
    except OSError:
        return []


def processes(folder: str) -> list[tree.Process]:
    """Its members with their start times, for signals that must not miss."""
    found = ((pid, tree.start_ticks(pid)) for pid in members(folder))
    return [tree.Process(pid, ticks) for pid, ticks in found if ticks is not None]


def inside(folder: str) -> list[tree.Process]:
    """The members of a group and of the groups in it."""
    return [process for each in (folder, *below(folder)) for process in processes(each)]


def populated(folder: str) -> bool:
    try:
        with open(os.path.join(folder, "cgroup.events"), encoding="ascii") as file:
            return "populated 1" in file.read()
    except OSError:
        return False


def remove(folder: str) -> bool:
    """Remove an empty group; one that is not stays. True when it is gone."""
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def below(folder: str) -> list[str]:
    """The groups in a group, as paths."""
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def of(pid: int) -> str | None:
    """The group a process is in, as a path below the mount; None where there is no cgroup v2, or no process."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        return None
    return next((line[3:] for line in lines if line.startswith("0::")), None)


def _put(folder: str, file: str, text: str) -> bool:
    try:
        with open(os.path.join(folder, file), "w", encoding="ascii") as target:
            target.write(text)
    except OSError:
        return False
    return True


def _usable(folder: str) -> bool:
    if os.path.isdir("/run/systemd/system") and not _delegated(folder):
        return False
    return os.access(folder, os.W_OK) and os.access(os.path.join(folder, "cgroup.procs"), os.W_OK)


def _delegated(folder: str) -> bool:
    for attribute in ("user.delegate", "trusted.delegate"):
        try:
            if os.getxattr(folder, attribute) == b"1":
                return True
        except OSError:
            continue
    return False
