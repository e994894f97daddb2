"""The dead: seen, cleaned up after, reaped, entered into the table.

Peek, look for what the dead process left behind, end that while the zombie still pins its number, reap, tell. An exit
is told only when its leftovers are gone, so that a new birth never meets them; for at most LEFTOVER_SECONDS, for not
even KILL ends a process that hangs in the kernel. Nothing left over is by far the usual case and costs one look at
the list of our children.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hotclub.keeper.kin import Kin
from hotclub.keeper.news import News
from hotclub.keeper.table import Entry, Table
from hotclub.posix import tree, wait

LEFTOVER_SECONDS = 2.0


@dataclass(slots=True)
class _Pinned:
    """A zombie that is kept until what it left behind is gone."""

    entry: Entry
    ended: float
    victims: dict[tree.Process, str] = field(default_factory=dict)  #: with their names, for people

    @property
    def deadline(self) -> float:
        return self.ended + LEFTOVER_SECONDS


class Exits:
    def __init__(self, table: Table, kin: Kin, news: News, daemon_ended: Callable[[int], None]) -> None:
        self._table = table
        self._kin = kin
        self._news = news
        self._daemon_ended = daemon_ended
        self._pinned: dict[int, _Pinned] = {}

    @property
    def deadline(self) -> float | None:
        return min((pinned.deadline for pinned in self._pinned.values()), default=None)

    def collect(self) -> None:
        """Deal with every child that has ended, and with leftovers that have gone or outlasted their time."""
        for pinned in list(self._pinned.values()):
            self._press(pinned)
        pid = self._next()
        while pid is not None:
            self._ended(pid)
            pid = self._next()

    def _next(self) -> int | None:
        """A child that has ended and is not pinned.

        A peek at all children shows the same zombie until it is reaped, so beside pinned ones each is asked by itself.
        """
        if not self._pinned:
            try:
                return wait.peek()
            except ChildProcessError:
                return None
        others = (pid for pid in tree.own_children() if pid not in self._pinned)
        return next((pid for pid in others if wait.ended(pid)), None)

    def _ended(self, pid: int) -> None:
        entry = self._table.living.get(pid)
        if entry is not None:
            self._entry_ended(entry)
            return
        status = wait.reap(pid)
        self._kin.forget(pid)
        if pid == self._kin.daemon:
            self._daemon_ended(status)
        elif not self._was_victim(pid):
            self._news.stray(pid, status)
        for pinned in list(self._pinned.values()):
            self._press(pinned)

    def _entry_ended(self, entry: Entry) -> None:
        pinned = _Pinned(entry, time.monotonic())
        if entry.leave or not self._kin.left_by(entry):
            self._finish(pinned)
        else:
            self._pinned[entry.pid] = pinned
            self._press(pinned)

    def _press(self, pinned: _Pinned) -> None:
        """Kill what is left; when nothing is, or time is up, the zombie may go."""
        left = self._kin.left_by(pinned.entry)
        for process in left:
            pinned.victims.setdefault(process, tree.name(process.pid))
        # The killed come to us, to be reaped, before we are done: they are no strangers.
        remain = any(tree.start_ticks(victim.pid) == victim.ticks for victim in pinned.victims)
        if not remain or time.monotonic() >= pinned.deadline:
            self._finish(pinned)
        elif left:
            self._kin.kill(pinned.entry, left)

    def _finish(self, pinned: _Pinned) -> None:
        entry = pinned.entry
        self._pinned.pop(entry.pid, None)
        leftovers = [f"{process.pid} {name}" for process, name in pinned.victims.items()]
        self._table.exited(entry, wait.reap(entry.pid), pinned.ended, leftovers)
        self._news.exited(entry.token)

    def _was_victim(self, pid: int) -> bool:
        return any(victim.pid == pid for pinned in self._pinned.values() for victim in pinned.victims)
