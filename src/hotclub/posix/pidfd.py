"""Signals that cannot hit the wrong process.

A pid may be given to a new process as soon as the old one is reaped; a pidfd never is. With the start time, which is
different for two processes of the same number, a pid found in /proc can be signalled safely: open, compare, send.
See pidfd_open(2), pidfd_send_signal(2).
"""

from __future__ import annotations

import os
import signal

from hotclub.posix import tree


def open(pid: int) -> int:  # noqa: A001 - read as pidfd.open
    """A descriptor for the process; readable once it has ended. Raises ProcessLookupError."""
    return os.pidfd_open(pid)


def send(process: tree.Process, signum: int) -> bool:
    """Signal this very process; False when it is gone, is another by now, or is not ours to signal."""
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        if tree.start_ticks(process.pid) != process.ticks:
            return False
        signal.pidfd_send_signal(fd, signum)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
