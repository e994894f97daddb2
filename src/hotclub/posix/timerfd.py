"""Deadlines by the wall clock that notice when the clock is set. See timerfd_create(2)."""

from __future__ import annotations

import ctypes
import os
import time

_TFD_TIMER_ABSTIME = 1
_TFD_TIMER_CANCEL_ON_SET = 2


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


def create() -> int:
    """A timer on CLOCK_REALTIME, as a non-blocking descriptor; readable when it is due, or the clock was set."""
    libc = ctypes.CDLL(None, use_errno=True)
    return _checked(libc.timerfd_create(time.CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC))


def arm(fd: int, at: float | None) -> None:
    """Due at this Unix time; None disarms. The timer must be armed again after each `read`."""
    libc = ctypes.CDLL(None, use_errno=True)
    value = _Timespec() if at is None else _Timespec(int(at), max(1, int(at % 1 * 1_000_000_000)))
    flags = _TFD_TIMER_ABSTIME | _TFD_TIMER_CANCEL_ON_SET
    _checked(libc.timerfd_settime(fd, flags, ctypes.byref(_Itimerspec(_Timespec(), value)), None))


def read(fd: int) -> bool:
    """Take note that it is readable. True: it was due; False: the clock was set (or it was not due after all)."""
    try:
        return len(os.read(fd, 8)) == 8
    except OSError:  # ECANCELED: the clock jumped; EAGAIN: nothing there
        return False


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
