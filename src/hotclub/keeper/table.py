"""What exists: entries, records and held descriptors. Pure bookkeeping, no system calls.

An entry is made by a birth and forgotten by an acknowledgement, never in between: an exit nobody has accounted for is
kept, for the next daemon if need be. Records are bytes that belong to the daemon; descriptors are numbers here.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Entry:
    """One birth. `status` is None while it lives."""

    token: str
    pid: int
    started: float  #: CLOCK_MONOTONIC
    leave: bool = False  #: descendants that outlive it are left alone
    status: int | None = None
    ended: float | None = None
    leftovers: list[str] = field(default_factory=list)

    @property
    def process(self) -> str:
        """The process whose birth this was: the token without its number."""
        return self.token.rpartition("#")[0] or self.token


class Table:
    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.living: dict[int, Entry] = {}
        self.records: dict[str, bytes] = {}
        self.held: dict[str, int] = {}

    def born(self, entry: Entry) -> None:
        self.entries[entry.token] = entry
        self.living[entry.pid] = entry

    def exited(self, entry: Entry, status: int, ended: float, leftovers: list[str]) -> None:
        """It was reaped: from here on its pid means nothing."""
        del self.living[entry.pid]
        entry.status, entry.ended, entry.leftovers = status, ended, leftovers

    def acknowledge(self, token: str) -> None:
        """Forget an entry that has exited; one that lives, or is unknown, is left as it is."""
        entry = self.entries.get(token)
        if entry is not None and entry.status is not None:
            del self.entries[token]

    def put(self, key: str | None, record: bytes | None) -> None:
        """Keep a record under its key; None forgets it. Without a key nothing was meant to be kept."""
        if key is None:
            return
        if record is None:
            self.records.pop(key, None)
        else:
            self.records[key] = record

    def hold(self, name: str, fd: int) -> int | None:
        """Hold a descriptor; the one that had this name before is returned, to be closed."""
        before = self.held.pop(name, None)
        self.held[name] = fd
        return before

    def release(self, name: str) -> int | None:
        """Hold it no longer; it is returned, to be closed."""
        return self.held.pop(name, None)
