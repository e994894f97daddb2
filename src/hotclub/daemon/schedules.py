"""Schedules: one timer for the program that is due next.

The timer is a timerfd on CLOCK_REALTIME that is cancelled when the clock is set, so neither a suspended
machine nor a corrected clock shifts a schedule, and nothing wakes before its time. The times at which programs are
due are left with the keeper: what fell due while no daemon was there is started by the next one, once.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from hotclub.config.schedule import next_fire
from hotclub.daemon.link import Link
from hotclub.daemon.stored import SCHEDULES
from hotclub.model.spec import Program
from hotclub.posix import timerfd
from hotclub.wire import house


class Schedules:
    """When each scheduled program is due next; calls `fire(program name, that moment)` then."""

    def __init__(self, loop: asyncio.AbstractEventLoop, link: Link, fire: Callable[[str, float], None]) -> None:
        self._loop = loop
        self._link = link
        self._fire = fire
        self._expressions: dict[str, str] = {}
        self._next: dict[str, float] = {}
        self._timer: int | None = None  #: a timerfd

    def next(self, program: str) -> float | None:
        """Unix seconds at which the program is due, if it has a schedule."""
        return self._next.get(program)

    def arrange(self, programs: Iterable[Program], inherited: Mapping[str, float] | None = None) -> None:
        """Take over the schedules of a configuration; a schedule that did not change keeps its next time."""
        known = dict(inherited or {})
        known.update({name: due for name, due in self._next.items() if name in self._expressions})
        before, self._expressions = self._expressions, {p.name: p.schedule for p in programs if p.schedule}
        now = time.time()
        self._next = {}
        for name, expression in self._expressions.items():
            due = known.get(name) if before.get(name, expression) == expression else None
            self._set_next(name, due if due is not None else _after(expression, now))
        self._keep()
        self._ring()

    def close(self) -> None:
        if self._timer is not None:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)
            self._timer = None

    def _ring(self) -> None:
        """Start what is due, then set the timer for what comes next.

        In this order, because a moment that is fired twice counts once, and one that was forgotten never.
        """
        now = time.time()
        due = {name: when for name, when in self._next.items() if when <= now}
        for name, when in due.items():
            self._fire(name, when)
            self._set_next(name, _after(self._expressions[name], now))
        if due:
            self._keep()
        if self._next:
            self._arm(min(self._next.values()))

    def _arm(self, when: float) -> None:
        if self._timer is None:
            self._timer = timerfd.create()
            self._loop.add_reader(self._timer, self._woken)
        timerfd.arm(self._timer, when)

    def _woken(self) -> None:
        assert self._timer is not None  # noqa: S101 - the reader is removed with the timer
        if not timerfd.read(self._timer):  # the clock was set: every next time is another one now
            now = time.time()
            for name, expression in self._expressions.items():
                self._set_next(name, _after(expression, now))
        self._ring()

    def _set_next(self, name: str, when: float | None) -> None:
        if when is None:
            self._next.pop(name, None)
        else:
            self._next[name] = when

    def _keep(self) -> None:
        if self._next:
            self._link.send(house.Put(key=SCHEDULES, record=msgspec.json.encode(self._next)))


def _after(expression: str, now: float) -> float | None:
    moment = next_fire(expression, datetime.fromtimestamp(now).astimezone())
    return None if moment is None else moment.timestamp()
