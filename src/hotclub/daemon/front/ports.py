"""What the front asks of the rest of the daemon, so that it can be read and tested without it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hotclub.daemon.bus import Told
from hotclub.daemon.outcomes import Outcome
from hotclub.model.plan import Plan
from hotclub.model.spec import Log, Site


class Fleet(Protocol):
    """Commands return at once and are obeyed once per `op`; `outcomes` tells how they ended."""

    @property
    def site(self) -> Site: ...
    def status(self) -> dict[str, object]: ...
    def select(self, patterns: Sequence[str]) -> list[str]: ...
    def command(self, verb: str, ids: Sequence[str], op: str) -> None: ...
    def outcomes(self, verb: str, ids: Sequence[str]) -> AsyncIterator[Outcome]: ...
    def signal(self, ids: Sequence[str], signo: int, op: str) -> Sequence[Outcome]: ...
    def plan(self) -> Plan: ...
    def apply(self, op: str) -> Plan: ...
    def down(self, cause: str, op: str) -> None: ...


class Bus(Protocol):
    """Facts by number."""

    @property
    def last(self) -> int: ...
    def after(self, seq: int) -> list[Told]: ...
    def subscribe(self, listener: Callable[[Told], None]) -> Callable[[], None]: ...


class Logs(Protocol):
    """Lines of logs, each with the cursor from which to go on after it."""

    def read(
        self,
        wanted: list[tuple[str, Log, str]],
        *,
        tail: int | None,
        since: float | None,
        grep: str | None,
        cursor: str | None,
        follow: bool,
    ) -> AsyncIterator[dict[str, object]]: ...


@dataclass(frozen=True, slots=True)
class House:
    """Everything a route may use."""

    fleet: Fleet
    bus: Bus
    logs: Logs
