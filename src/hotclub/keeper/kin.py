"""Who belongs to an entry beyond the process it names.

Its process group, its descendants, and its orphans. The keeper is the subreaper of all, so whatever loses its parent
becomes a child of the keeper: a child that is in nobody's table is an orphan of some entry, and shows whose by its
control group, its session or process group, or the token in its environment. That makes the usual question cheap:
no unregistered child, nothing left over.
"""

from __future__ import annotations

import os
import signal

from hotclub.keeper.groups import Groups
from hotclub.keeper.table import Entry, Table
from hotclub.posix import pidfd, tree

#: The variable by which a child, and all that it starts, can be known.
TOKEN = "HOTCLUB_TOKEN"  # noqa: S105 - a name, not a secret


class Kin:
    def __init__(self, table: Table, groups: Groups) -> None:
        self._table = table
        self._groups = groups
        self._owners: dict[int, Entry] = {}  #: of orphans that we have looked at
        self.daemon: int | None = None  #: our child too, but nobody's orphan

    def signal(self, entry: Entry, signum: int, scope: str) -> None:
        """Signal a living entry: its `process`, its process `group`, or its whole `tree`."""
        below = self.below(entry) if scope == "tree" else []
        if scope == "process" or not _signal_group(entry.pid, signum):
            _signal_process(entry.pid, signum)
        if scope == "tree" and signum == signal.SIGKILL:
            self._groups.kill(entry)
        for process in below:
            pidfd.send(process, signum)

    def below(self, entry: Entry) -> list[tree.Process]:
        """All that is known to descend from a living entry."""
        found = dict.fromkeys(tree.descendants(entry.pid))
        found.update(dict.fromkeys(self.left_by(entry)))
        return list(found)

    def left_by(self, entry: Entry) -> list[tree.Process]:
        """Orphans of an entry, which may itself be dead (but not yet reaped), with all their descendants."""
        found: dict[tree.Process, None] = {}
        for pid in self._orphans():
            ticks = tree.start_ticks(pid) if self._owner(pid) is entry else None
            if ticks is not None:
                found[tree.Process(pid, ticks)] = None
                found.update(dict.fromkeys(tree.descendants(pid)))
        return [process for process in found if process.pid not in self._table.living and _alive(process.pid)]

    def kill(self, entry: Entry, left: list[tree.Process]) -> None:
        """End what a dead entry left behind, while its zombie still pins the number of its group."""
        self._groups.kill(entry)
        _signal_group(entry.pid, signal.SIGKILL)
        for process in left:
            pidfd.send(process, signal.SIGKILL)

    def forget(self, pid: int) -> None:
        """It was reaped."""
        self._owners.pop(pid, None)

    def _orphans(self) -> list[int]:
        known = self._table.living
        return [pid for pid in tree.own_children() if pid not in known and pid != self.daemon]

    def _owner(self, pid: int) -> Entry | None:
        """Whose orphan it is. An answer is kept, for a session or a group number may later mean another."""
        if pid not in self._owners:
            owner = self._look_for_owner(pid)
            if owner is None:
                return None
            self._owners[pid] = owner
        return self._owners[pid]

    def _look_for_owner(self, pid: int) -> Entry | None:
        process = self._groups.process_of(pid)
        if process is not None:
            return next((entry for entry in self._table.living.values() if entry.process == process), None)
        seen = tree.stat(pid)
        if seen is None:
            return None
        living = self._table.living
        token = tree.variable(pid, TOKEN)
        return living.get(seen.session) or living.get(seen.group) or self._table.entries.get(token or "")


def _signal_group(pid: int, signum: int) -> bool:
    """Signal the process group that this child leads; False when it leads none."""
    try:
        os.killpg(pid, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _signal_process(pid: int, signum: int) -> None:
    try:
        os.kill(pid, signum)
    except (ProcessLookupError, PermissionError):
        pass  # it became another user's process, which a keeper without rights cannot help


def _alive(pid: int) -> bool:
    seen = tree.stat(pid)
    return seen is not None and seen.state not in "ZX"
