"""The messages between daemon and keeper: all of them, both ways.

A message is a frozen dataclass; on the wire it is a JSON header, with the class name as `type`, followed by the
raw bytes of its `record` if it has one. Descriptors travel beside it; fields that name one hold its index in
the frame's list. The keeper never looks inside a record: it keeps, per key, the bytes last put, and gives them
to the next daemon.

A `key` is a process id (`web:2`) or `house` for the fleet's own record. A `token` names one birth for ever
(`web:2#17`): asking twice with the same token gives the first birth. A record that belongs to a spawn, a signal
or an acknowledgement travels in the same frame, so the keeper's table and the records cannot disagree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

RECORD = "record"


# --- daemon → keeper -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawn:
    """Start a program.

    `env` is a change to the keeper's own environment: None removes a name. `stdin`, `stdout`, `stderr` are
    `null`, `inherit` (the keeper's own), `fd:N` (descriptor N of this frame) or `held:NAME`. `hold` keeps
    descriptors of this frame under names; all others are closed once the child has them.
    """

    token: str
    argv: list[str]
    cwd: str
    env: dict[str, str | None] = field(default_factory=dict)
    umask: int | None = None
    uid: int | None = None
    gid: int | None = None
    groups: list[int] | None = None
    stdin: str = "null"
    stdout: str = "null"
    stderr: str = "null"
    hold: dict[str, int] = field(default_factory=dict)
    leftovers: str = "kill"  #: what to do with descendants that outlive it: `kill` or `leave`
    key: str | None = None
    record: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Send a signal to a living entry of the table: its `process`, its process `group`, or its whole `tree`.

    Nothing is sent when the entry is unknown or has exited; the record is put all the same.
    """

    token: str
    signal: int
    scope: str = "process"
    key: str | None = None
    record: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """This exit is accounted for: forget the entry."""

    token: str
    key: str | None = None
    record: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Keep these bytes under this key; None forgets the key."""

    key: str
    record: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Keep the frame's descriptors under these names, in order (a listening socket, a memfd, the API's socket)."""

    names: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Close these held descriptors."""

    names: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """A birth by fork: `pid` is by now the keeper's child; its start time proves that it is the same process.

    Answered with Born, or with Unborn, stage `adopt`.
    """

    token: str
    pid: int
    started: float  #: clock ticks since boot, as `posix.tree.start_ticks` reads them
    leftovers: str = "kill"
    key: str | None = None
    record: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The daemon has dealt with every frame up to this number."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Everything is stopped: kill what strays are left and exit with this code."""

    code: int


# --- keeper → daemon -------------------------------------------------------------------------------------------
# Each has a `number`, counted per daemon from 1; the daemon answers with `Seen` within 10 s or is thought hung.


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The first frame to a new daemon. After it come Entry, Record and Held frames, then `Settled`."""

    number: int
    house: str  #: random id of this house, in every child's HOTCLUB_HOUSE
    keeper: int  #: pid
    boot: int  #: counts daemons of this house from 1
    cause: str  #: how the daemon before ended; empty for the first
    dropped: dict[str, int] = field(default_factory=dict)  #: bytes emptied from held log pipes, by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the table. `status` is None while it lives (exit code, or minus the signal's number)."""

    number: int
    token: str
    pid: int
    started: float  #: CLOCK_MONOTONIC at birth
    status: int | None = None
    ended: float | None = None
    leftovers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    number: int
    key: str
    record: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Held descriptors, in the order of their names; at most 64 in a frame."""

    number: int
    names: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The takeover is complete; what follows is news."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Born:
    number: int
    token: str
    pid: int
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unborn:
    """A spawn failed; `stage` is one of posix.spawn's stages. Nothing is in the table."""

    number: int
    token: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """An entry ended. It stays in the table until `Ack`. `leftovers`: descendants that were killed, "pid name"."""

    number: int
    token: str
    pid: int
    status: int
    ended: float
    leftovers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A child that was in nobody's table ended."""

    number: int
    pid: int
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signalled:
    """The keeper was signalled (INT, TERM, HUP, QUIT, USR2); repeated to a new daemon until it was `Seen`."""

    number: int
    signal: int
    count: int  #: how many INT/TERM so far, for the second and third Ctrl-C


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Somebody waits and doubts (USR1 to the keeper): answer with `Seen`."""

    number: int


FromDaemon = Spawn | Signal | Ack | Put | Hold | Release | Adopt | Seen | End
FromKeeper = Welcome | Entry | Record | Held | Settled | Born | Unborn | Exited | Stray | Signalled | Ping
Message = FromDaemon | FromKeeper

_TYPES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Spawn, Signal, Ack, Put, Hold, Release, Adopt, Seen, End,
        Welcome, Entry, Record, Held, Settled, Born, Unborn, Exited, Stray, Signalled, Ping,
    )
}  # fmt: skip


def encode(message: Message) -> bytes:
    """Header length (4 bytes, big-endian), JSON header, then the record's bytes, if any."""
    header: dict[str, Any] = {"type": type(message).__name__}
    record: bytes | None = None
    for each in fields(message):
        value = getattr(message, each.name)
        if each.name == RECORD:
            record = value
            header[RECORD] = value is not None
        else:
            header[each.name] = value
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    return len(text).to_bytes(4, "big") + text + (record or b"")


def decode(data: bytes) -> Message:
    """The message in `data`.

    Raises ValueError when it is not one of ours.
    """
    size = int.from_bytes(data[:4], "big")
    try:
        header = json.loads(data[4 : 4 + size])
        kind = _TYPES[header.pop("type")]
        if RECORD in header:
            header[RECORD] = bytes(data[4 + size :]) if header[RECORD] else None
        message: Message = kind(**header)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as wrong:
        raise ValueError(f"not a message of the house: {data[:80]!r}") from wrong
    return message
