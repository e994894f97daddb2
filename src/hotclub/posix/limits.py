"""How many descriptors a process may have. See getrlimit(2), prlimit(2)."""

from __future__ import annotations

import os
import sys

if sys.platform == "linux":
    import resource

Limits = tuple[int, int]


#: Enough for anything; some programs do work for each descriptor that their limit allows.
_PLENTY = 256 * 1024


def raise_descriptors() -> Limits:
    """Raise the soft limit of this process towards its hard one; what it was before is returned."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before
    if soft != resource.RLIM_INFINITY:
        most = _PLENTY if hard == resource.RLIM_INFINITY else min(hard, _PLENTY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    return before


def set_descriptors(pid: int, limits: Limits) -> None:
    """Give another process (a child that inherited a raised limit) this one; gone or foreign ones are left."""
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    except (OSError, ValueError):
        pass


def keep_descriptors() -> None:
    """Let no child inherit what was open when this program was executed, but stdin, stdout and stderr.

    Descriptors that Python opens are close-on-exec already (PEP 446); those that came from a shell are not.
    """
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                pass  # the one that this list was read by
