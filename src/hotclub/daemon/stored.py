"""What the daemon leaves with the keeper for its successor, under which keys, as JSON.

The keeper keeps the bytes and never reads them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hotclub.model.plan import Plan
from hotclub.model.record import Record
from hotclub.model.spec import Program, Site

HOUSE = "house"  #: key of StoredHouse
SCHEDULES = "schedules"  #: key of the times at which schedules fire next, by program
JOURNAL = "journal"  #: name of the held memfd with the facts


class StoredProcess(msgspec.Struct, frozen=True):
    """One process, under its id: the record, and the facts of its last step.

    The facts were told after number `seq`: what the journal lacks of them, a new daemon tells.
    """

    record: Record
    seq: int
    facts: list[dict[str, Any]]


class StoredHouse(msgspec.Struct, frozen=True):
    """The fleet as a whole."""

    site: Site  #: the configuration in force, whatever the file says by now
    mode: str
    started: float  #: unix seconds
    only: list[str] = []
    excluded: list[str] = []
    ending: str | None = None  #: why the house is being stopped
    code: int = 0  #: what hotclub exits with then
    hurried: bool = False
    applied: str | None = None  #: the op of the last `apply` that was obeyed
    plan: Plan = Plan()  #: what that one changed
    former: list[Program] = []  #: programs as they were before it, where that is needed to finish it
    applying: bool = False  #: it is in force, but the fleet may not agree with it yet
    seq: int = 0  #: as in StoredProcess, for the facts that are the house's own
    facts: list[dict[str, Any]] = []
