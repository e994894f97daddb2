"""A control group for each process, where the machine allows it.

It is made and entered after the birth was told, because that may take long; what a child forked before is still found
by `kin`. A group is named after its process and used again by its next birth: by then it is empty.
"""

from __future__ import annotations

import os
import time
from collections import deque

from hotclub.keeper.table import Entry
from hotclub.posix import cgroup
from hotclub.wire.marks import GROUP, group


class Groups:
    """Does nothing, cheaply, where there is no place for groups."""

    def __init__(self, place: str | None, house: str) -> None:
        self._base: str | None = None
        self._waiting: deque[Entry] = deque()
        self._made: dict[str, str] = {}  #: process by folder name
        if place is not None:
            _clear(place)
            base = group(place, house)
            self._base = base if cgroup.make(base) else None

    @property
    def waiting(self) -> bool:
        """Whether there is a child to move, at leisure."""
        return bool(self._waiting)

    def born(self, entry: Entry) -> None:
        if self._base is not None and not entry.leave:
            self._waiting.append(entry)

    def move_one(self) -> None:
        entry = self._waiting.popleft()
        folder = self._folder(entry.process)
        if folder is None or entry.status is not None:
            return
        if not cgroup.make(folder):
            self._base = None  # the place has become unusable: from here on the tree alone must do
            return
        self._made[_file(entry.process)] = entry.process
        cgroup.move(folder, entry.pid)

    def kill(self, entry: Entry) -> None:
        """End everything in the entry's group, if it has one."""
        folder = self._folder(entry.process)
        if folder is not None and _file(entry.process) in self._made:
            cgroup.kill(folder)

    def process_of(self, pid: int) -> str | None:
        """The process in whose group this one is."""
        if not self._made:
            return None
        path = cgroup.of(pid)
        folder, _, name = (path or "").rpartition("/")
        if self._base is None or not folder or not self._base.endswith(folder):
            return None
        return self._made.get(name)

    def remove(self) -> None:
        """Everything has ended."""
        if self._base is None:
            return
        deadline = time.monotonic() + 1.0
        for name in self._made:
            folder = os.path.join(self._base, name)
            # The kernel may count the last one for a moment after it was reaped.
            while not cgroup.remove(folder) and time.monotonic() < deadline:
                time.sleep(0.005)
        cgroup.remove(self._base)

    def _folder(self, process: str) -> str | None:
        return None if self._base is None else os.path.join(self._base, _file(process))


def _clear(place: str) -> None:
    """Remove groups of houses whose keeper was killed; those in use are not empty, and stay."""
    for folder in cgroup.below(place):
        if os.path.basename(folder).startswith(GROUP):
            for inner in cgroup.below(folder):
                cgroup.remove(inner)
            cgroup.remove(folder)


def _file(process: str) -> str:
    return process.replace("/", "_")
