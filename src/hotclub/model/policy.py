"""Restarts as arithmetic: whether, when, and how often.

A run is *good* when the process became ready and lived at least as long as the first delay. After a good run
it is started again at once; otherwise the start failed, and each failure in a row makes the next delay longer.
So whatever a program does, its restarts never spin.
"""

from __future__ import annotations

import signal
from enum import StrEnum
from zlib import crc32

from .spec import Backoff, Kind, Program, Restart


class Verdict(StrEnum):
    """What follows when a process has ended by itself."""

    DONE = "done"  #: that was all
    RESTART = "restart"  #: start again at once
    RETRY = "retry"  #: start again after a delay
    GIVE_UP = "give-up"


def runs_once(program: Program) -> bool:
    """Whether its end is its purpose, so that exit 0 is success and there is nothing to be ready for."""
    return program.kind is Kind.TASK or program.schedule is not None


def is_good(program: Program, was_up: bool, uptime: float) -> bool:
    """Whether a run was good, which clears the failures before it."""
    return was_up and not runs_once(program) and uptime >= program.backoff.first


def verdict(program: Program, status: int, good: bool) -> Verdict:
    """What follows an end that nobody asked for."""
    if status == 0 and (runs_once(program) or program.restart is not Restart.ALWAYS):
        return Verdict.DONE
    if program.restart is Restart.NEVER:
        return Verdict.GIVE_UP
    return Verdict.RESTART if good else Verdict.RETRY


def delay(backoff: Backoff, failures: int, process: str) -> float:
    """Seconds until the next start, after so many failed ones in a row (1, 2, …).

    The jitter is a hash of process and failure, not chance: the same history gives the same times.
    """
    try:
        plain = min(backoff.cap, backoff.first * backoff.factor ** (failures - 1))
    except OverflowError:
        plain = backoff.cap
    share = crc32(f"{process}#{failures}".encode()) / 2**32
    return plain * (1 + backoff.jitter * share)


def spend(backoff: Backoff, restarts: tuple[float, ...], now: float) -> tuple[float, ...] | None:
    """The recent restarts with one more at `now`, or None when the budget does not allow it."""
    if not backoff.max_restarts:
        return ()
    recent = tuple(time for time in restarts if now - time < backoff.window)
    return None if len(recent) >= backoff.max_restarts else (*recent, now)


def describe(status: int) -> str:
    """An exit status, for people."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return f"killed by signal {-status}"
    return f"killed by {name}"
