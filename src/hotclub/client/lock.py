"""`RUN/lock`: who runs this site. The keeper holds it by flock(2); the text in it is for everybody."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from typing import Any


def read(path: str) -> dict[str, Any]:
    """What the lock file says; empty when there is none or nothing sensible stands in it."""
    for _ in range(3):
        try:
            with open(path, encoding="utf-8") as file:
                said = json.load(file)
        except OSError:
            return {}
        except ValueError:
            time.sleep(0.01)  # it is being written at this very moment
            continue
        return said if isinstance(said, dict) else {}
    return {}


def held(path: str) -> bool:
    """Whether a keeper holds the lock now."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def keeper(path: str) -> int | None:
    """A pidfd of the living keeper, or None. The caller closes it.

    The lock is tested after the pidfd was opened: as long as the lock is held the number in it is the keeper's.
    """
    pid = read(path).get("keeper")
    if sys.platform != "linux" or not isinstance(pid, int) or pid <= 0:
        return None
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    if held(path):
        return pidfd
    os.close(pidfd)
    return None


def tell_keeper(path: str, signo: int) -> bool:
    """Send a signal to the keeper; False when there is none or it is not ours to signal."""
    pidfd = keeper(path)
    if pidfd is None or sys.platform != "linux":
        return False
    try:
        signal.pidfd_send_signal(pidfd, signo)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.close(pidfd)
    return True
