"""Stopping everything when no daemon is there to do it: the one thing that the keeper decides.

TERM to all, a deadline, KILL; and at the very end, with a daemon or without, `sweep`: nothing that descends from the
keeper is left when it exits.
"""

from __future__ import annotations

import os
import select
import signal
import time

from hotclub.keeper.kin import Kin
from hotclub.keeper.table import Table
from hotclub.posix import tree, wait

STOP_SECONDS = 10.0
#: A process that hangs in the kernel outlives even KILL; the keeper does not wait for it for ever.
SWEEP_SECONDS = 10.0


class Ending:
    """A stop of everything, from `begin` until the table holds nothing that lives."""

    def __init__(self, table: Table, kin: Kin) -> None:
        self._table = table
        self._kin = kin
        self._kill_at: float | None = None
        self.signum: int | None = None  #: the signal that asked for it

    @property
    def deadline(self) -> float | None:
        return self._kill_at

    @property
    def over(self) -> bool:
        return self.signum is not None and not self._table.living

    def begin(self, signum: int) -> None:
        """Ask all to stop; asked a second time, wait no longer."""
        if self.signum is not None:
            self._kill_all()
            return
        self.signum = signum
        self._kill_at = time.monotonic() + STOP_SECONDS
        for entry in list(self._table.living.values()):
            self._kin.signal(entry, signal.SIGTERM, "process")

    def expire(self, now: float) -> None:
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_all()

    def _kill_all(self) -> None:
        self._kill_at = None
        for entry in list(self._table.living.values()):
            self._kin.signal(entry, signal.SIGKILL, "tree")


def sweep(wakeup: int) -> bool:
    """Kill and reap every child until there is none. Orphans of the killed become children, and follow.

    `wakeup` is readable after SIGCHLD. False: something could not be ended in time.
    """
    deadline = time.monotonic() + SWEEP_SECONDS
    poll = select.poll()
    poll.register(wakeup, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        for child in tree.own_children():
            os.kill(child, signal.SIGKILL)
        if not _reap_all():
            return True
        poll.poll(max(1, int(left * 1000)))
        _empty(wakeup)
    return False


def _reap_all() -> bool:
    """Reap what has ended; False when there are no children left."""
    try:
        while (pid := wait.peek()) is not None:
            wait.reap(pid)
    except ChildProcessError:
        return False
    return True


def _empty(wakeup: int) -> None:
    try:
        os.read(wakeup, 65536)
    except BlockingIOError:
        pass
