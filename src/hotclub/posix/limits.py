"""How many descriptors a process may have. See getrlimit(2), prlimit(2)."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import resource

Limits = tuple[int, int]


def raise_descriptors() -> Limits:
    """Raise the soft limit of this process to its hard one; what it was before is returned."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    return before


def set_descriptors(pid: int, limits: Limits) -> None:
    """Give another process (a child that inherited a raised limit) this one; gone or foreign ones are left."""
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    except (OSError, ValueError):
        pass
