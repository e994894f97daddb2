"""Waiting for children in two steps: peek, then reap.

A zombie pins its pid, and the process group and session of that number: as long as it is not reaped, no other
process can get them. So whoever looks at what a dead child left behind peeks first and reaps last. See waitid(2).
"""

from __future__ import annotations

import os


def peek() -> int | None:
    """The pid of some child that has ended and was not reaped; None if there is none at the moment.

    The same one is returned until it is reaped. Raises ChildProcessError when there are no children at all.
    """
    seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return None if seen is None else seen.si_pid


def ended(pid: int) -> bool:
    """Whether this child has ended and can be reaped.

    Raises ChildProcessError when it is no child of ours.
    """
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def reap(pid: int) -> int:
    """The status of a child that has ended: its exit code, or minus the number of the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
