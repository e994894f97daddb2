"""When the keeper is gone: stop everything that can be found, and leave.

Nobody else can do it: the children have another parent now. It is the one case in which the daemon signals
processes, and it does so only through pidfds of processes that are verified to be ours: by start time for those it
knew, by the house's control group or HOTCLUB_HOUSE in their environment for the others. What hangs below them is
taken along.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable

from hotclub.posix import cgroup, pidfd, tree
from hotclub.wire.marks import group

#: Seconds between a process's birth as the keeper told it and its start time as the kernel counts it.
SLACK = 1.0
#: KILL is sent in rounds, because what is killed may just have forked.
ROUNDS = 10


def stop_everything(house: str, known: Iterable[tuple[int, float]], patience: float) -> list[int]:
    """TERM to all, KILL to what is left after `patience` seconds; the answer is what could not be ended.

    `known` are pids with their births (CLOCK_MONOTONIC).
    """
    found = _find(house, known)
    for process in found:
        pidfd.send(process, signal.SIGTERM)
        pidfd.send(process, signal.SIGCONT)
    _wait(found, patience)
    for _ in range(ROUNDS):
        found = sorted({*(each for each in found if _lives(each)), *_find(house, ())})
        if not found:
            break
        for process in found:
            pidfd.send(process, signal.SIGKILL)
        _wait(found, 1.0)
    return [process.pid for process in found if _lives(process)]


def _find(house: str, known: Iterable[tuple[int, float]]) -> list[tree.Process]:
    roots = set(tree.marked("HOTCLUB_HOUSE", house))
    place = cgroup.place()
    if place is not None:
        roots.update(cgroup.inside(group(place, house)))
    roots.update(process for pid, born in known if (process := _same(pid, born)) is not None)
    found = set(roots)
    for process in roots:
        found.update(tree.descendants(process.pid))
    return [process for process in found if process.pid != os.getpid()]


def _same(pid: int, born: float) -> tree.Process | None:
    ticks = tree.start_ticks(pid)
    if ticks is None:
        return None
    started = ticks / os.sysconf("SC_CLK_TCK") - (time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic())
    return tree.Process(pid, ticks) if abs(started - born) <= SLACK else None


def _lives(process: tree.Process) -> bool:
    seen = tree.stat(process.pid)
    return seen is not None and seen.ticks == process.ticks and seen.state not in "ZX"


def _wait(processes: Iterable[tree.Process], patience: float) -> None:
    """Wait until all have ended, at most so long."""
    poll, waiting = select.poll(), set()
    for process in processes:
        try:
            fd = os.pidfd_open(process.pid)
        except OSError:
            continue
        waiting.add(fd)
        poll.register(fd, select.POLLIN)
    deadline = time.monotonic() + patience
    while waiting and (left := deadline - time.monotonic()) > 0:
        for fd, _ in poll.poll(left * 1000):
            poll.unregister(fd)
            waiting.discard(fd)
            os.close(fd)
    for fd in waiting:
        os.close(fd)
