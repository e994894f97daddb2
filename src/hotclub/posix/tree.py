"""Who is whose child, read from /proc. See proc_pid_stat(5), proc_pid_environ(5), proc_tid_children(5).

A `Process` is a pid with its start time: the pair names one process for as long as the machine is up. Everything read
here may be over by the time it is used; whoever signals goes through `pidfd`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

#: Environments and lists of children are read up to here; usual ones are far smaller.
_LIMIT = 1024 * 1024
_PAGE, _CHUNK = 4096, 32 * 1024


class Process(NamedTuple):
    pid: int
    ticks: int  #: start time, clock ticks since boot


class Stat(NamedTuple):
    """The fields of /proc/PID/stat that are used."""

    name: str
    state: str
    parent: int
    group: int
    session: int
    ticks: int


def stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        text = _read(f"/proc/{pid}/stat")
    except OSError:
        return None
    # The name stands in parentheses and may itself hold any byte, ")" and newline too: the last ")" ends it.
    name, _, rest = text.partition(b"(")[2].rpartition(b")")
    part = rest.split()
    if len(part) < 20:
        return None
    readable = name.decode(errors="replace")
    return Stat(readable, part[0].decode(), int(part[1]), int(part[2]), int(part[3]), int(part[19]))


def start_ticks(pid: int) -> int | None:
    seen = stat(pid)
    return None if seen is None else seen.ticks


def name(pid: int) -> str:
    """What `ps` calls it, at most 15 characters; empty when it is gone."""
    seen = stat(pid)
    return "" if seen is None else seen.name


def children(pid: int) -> list[int]:
    """Pids of its children, zombies too."""
    try:
        # A thread that ends meanwhile hands its children to another thread, or the process is ending itself.
        tasks = os.listdir(f"/proc/{pid}/task")
        lists = [_read(f"/proc/{pid}/task/{task}/children", _LIMIT) for task in tasks]
    except FileNotFoundError:
        if os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
            return []  # it is gone, and so its children have another parent by now
        return [child for child, parent in _parents().items() if parent == pid]
    except OSError:
        return []
    return [int(child) for each in lists for child in each.split()]


def own_children() -> list[int]:
    """Children of this process, zombies too; quicker than `children`, for a process of one thread."""
    try:
        return [int(child) for child in _read(f"/proc/self/task/{os.getpid()}/children", _LIMIT).split()]
    except OSError:
        return children(os.getpid())


def descendants(pid: int) -> list[Process]:
    """Everything below a process, parents before their children, without itself."""
    found: list[Process] = []
    seen = {pid}
    waiting = [pid]
    while waiting:
        for child in children(waiting.pop(0)):
            ticks = start_ticks(child)
            if child not in seen and ticks is not None:
                seen.add(child)
                found.append(Process(child, ticks))
                waiting.append(child)
    return found


def variable(pid: int, name: str) -> str | None:
    """A variable of the environment it was started with; None where it has none, or that may not be read."""
    try:
        data = _read(f"/proc/{pid}/environ", _LIMIT)
    except OSError:
        return None
    _, found, rest = (b"\0" + data).partition(b"\0" + os.fsencode(name) + b"=")
    return os.fsdecode(rest.partition(b"\0")[0]) if found else None


def strays(house: str) -> list[int]:
    """Pids of this user's processes (root: everybody's) that were started with HOTCLUB_HOUSE=`house`.

    Without the caller, and without zombies.
    """
    return [process.pid for process in marked("HOTCLUB_HOUSE", house)]


def marked(name: str, value: str) -> list[Process]:
    """The same for any variable, with start times, so that `pidfd.send` can signal them."""
    own, user = os.getpid(), os.geteuid()
    found = []
    for pid in _pids():
        if pid != own and _is_ours(pid, user) and variable(pid, name) == value:
            process = _verified(pid, name, value)
            if process is not None:
                found.append(process)
    return found


def _is_ours(pid: int, user: int) -> bool:
    try:
        return user == 0 or os.stat(f"/proc/{pid}").st_uid == user
    except OSError:
        return False


def _verified(pid: int, name: str, value: str) -> Process | None:
    """The process, if it still has the mark while a pidfd keeps its number from meaning another."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        seen = stat(pid)
        if seen is None or seen.state in "ZX" or variable(pid, name) != value:
            return None
        return Process(pid, seen.ticks)
    finally:
        os.close(fd)


def _pids() -> Iterator[int]:
    return (int(entry) for entry in os.listdir("/proc") if entry.isdigit())


def _parents() -> dict[int, int]:
    """Child → parent for every process: the slow way, where the kernel lists no children."""
    return {pid: seen.parent for pid in _pids() if (seen := stat(pid)) is not None}


def _read(path: str, limit: int = _PAGE) -> bytes:
    """A file of /proc, up to a limit, without what a buffered reader would allocate for it.

    The kernel gives a page or so at a time, so one read may not be all; a short file needs no second one.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(fd, min(limit, _CHUNK))
        while limit > _PAGE and len(data) < limit and (more := os.read(fd, _CHUNK)):
            data += more
        return data
    finally:
        os.close(fd)
