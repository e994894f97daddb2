"""What the daemon is yet to be told.

Nothing is queued: this holds only *which* entries, records and descriptors were not mentioned to the present daemon,
and a frame is made from the table at the moment it can be sent. A new daemon is told everything from the beginning
(the takeover: Welcome, entries, records, held descriptors, Settled), then what happens (the news). Signals to the
keeper and ends of strangers belong to no entry: they are kept as notices until a daemon says that it has seen them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from hotclub.keeper.table import Entry, Table
from hotclub.wire import frames, house

#: More ends of strangers than this are not remembered; the oldest are dropped.
STRAYS = 256


@dataclass(frozen=True, slots=True)
class Frame:
    """A message to send now, with its descriptors; `sent` is called when it is on its way."""

    message: house.Message
    fds: tuple[int, ...]
    sent: Callable[[], None]


@dataclass(slots=True)
class _Notice:
    make: Callable[[int], house.Message]
    number: int | None = None  #: of the frame in which the present daemon was told


class News:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._number = 0
        self._seen = 0
        self._since: float | None = None
        self._takeover: deque[Callable[[int], tuple[house.Message, tuple[int, ...]] | None]] = deque()
        self._unborn: dict[str, tuple[str, str]] = {}
        self._births: dict[str, None] = {}
        self._exits: dict[str, None] = {}
        self._notices: dict[tuple[str, int], _Notice] = {}
        self._ping = False

    # --- what happens ------------------------------------------------------------------------------------------

    def daemon(self, welcome: house.Welcome) -> None:
        """A new daemon is there: it knows nothing."""
        self._number = self._seen = 0
        self._since = None
        self._ping = False
        for untold in (self._unborn, self._births, self._exits):
            untold.clear()
        for notice in self._notices.values():
            notice.number = None
        held = list(self._table.held)
        self._takeover = deque(
            [
                lambda number: (replace(welcome, number=number), ()),
                *(partial(self._entry, token) for token in self._table.entries),
                *(partial(self._record, key) for key in self._table.records),
                *(partial(self._held, held[at : at + frames.FDS]) for at in range(0, len(held), frames.FDS)),
                lambda number: (house.Settled(number=number), ()),
            ]
        )

    def born(self, token: str) -> None:
        self._births[token] = None

    def unborn(self, token: str, stage: str, reason: str) -> None:
        self._unborn[token] = (stage, reason)

    def exited(self, token: str) -> None:
        self._exits[token] = None

    def stray(self, pid: int, status: int) -> None:
        strays = [key for key in self._notices if key[0] == "stray"]
        if len(strays) >= STRAYS:
            del self._notices[strays[0]]
        self._notices["stray", pid] = _Notice(lambda number: house.Stray(number=number, pid=pid, status=status))

    def signalled(self, signum: int, count: int) -> None:
        """The keeper got this signal; a repetition that was not yet seen replaces what it repeats."""
        self._notices["signal", signum] = _Notice(
            lambda number: house.Signalled(number=number, signal=signum, count=count)
        )

    def ping(self) -> None:
        self._ping = True

    # --- telling -----------------------------------------------------------------------------------------------

    def next(self, now: float) -> Frame | None:
        """The next frame for the present daemon, or None when it has been told everything."""
        number = self._number + 1
        while self._takeover:
            made = self._takeover[0](number)
            if made is not None:
                return Frame(*made, sent=partial(self._sent, now, self._takeover.popleft))
            self._takeover.popleft()
        return self._next_of_entries(number, now) or self._next_notice(number, now)

    def seen(self, number: int, now: float) -> None:
        """The daemon has dealt with all frames up to this one."""
        if number <= self._seen:
            return
        self._seen = number
        self._since = None if number >= self._number else now
        for key, notice in list(self._notices.items()):
            if notice.number is not None and notice.number <= number:
                del self._notices[key]

    @property
    def unanswered_since(self) -> float | None:
        """Since when the daemon owes an answer; None when it has seen all that was sent."""
        return self._since

    @property
    def seen_any(self) -> bool:
        """Whether the present daemon has said anything yet."""
        return self._seen > 0

    def _sent(self, now: float, done: Callable[[], object]) -> None:
        self._number += 1
        if self._since is None:
            self._since = now
        done()

    def _next_of_entries(self, number: int, now: float) -> Frame | None:
        for token, (stage, reason) in self._unborn.items():
            message = house.Unborn(number=number, token=token, stage=stage, reason=reason)
            return Frame(message, (), partial(self._sent, now, partial(self._unborn.pop, token)))
        for entry in self._known(self._births):
            born = house.Born(number=number, token=entry.token, pid=entry.pid, started=entry.started)
            return Frame(born, (), partial(self._sent, now, partial(self._births.pop, entry.token)))
        for entry in self._known(self._exits):
            return Frame(
                _exited(number, entry), (), partial(self._sent, now, partial(self._exits.pop, entry.token, None))
            )
        return None

    def _next_notice(self, number: int, now: float) -> Frame | None:
        for notice in self._notices.values():
            if notice.number is None:
                told = partial(setattr, notice, "number", number)
                return Frame(notice.make(number), (), partial(self._sent, now, told))
        if self._ping:
            answered = partial(setattr, self, "_ping", False)
            return Frame(house.Ping(number=number), (), partial(self._sent, now, answered))
        return None

    def _known(self, tokens: dict[str, None]) -> Iterable[Entry]:
        """The first entry of those that is still in the table; others were acknowledged meanwhile."""
        while tokens:
            token = next(iter(tokens))
            entry = self._table.entries.get(token)
            if entry is not None:
                yield entry
                return
            del tokens[token]

    # --- the frames of a takeover, None for what is no longer there ------------------------------------------------

    def _entry(self, token: str, number: int) -> tuple[house.Message, tuple[int, ...]] | None:
        entry = self._table.entries.get(token)
        if entry is None:
            return None
        if entry.status is not None:
            self._exits.pop(token, None)
        message = house.Entry(
            number=number,
            token=token,
            pid=entry.pid,
            started=entry.started,
            status=entry.status,
            ended=entry.ended,
            leftovers=entry.leftovers,
        )
        return message, ()

    def _record(self, key: str, number: int) -> tuple[house.Message, tuple[int, ...]] | None:
        record = self._table.records.get(key)
        return None if record is None else (house.Record(number=number, key=key, record=record), ())

    def _held(self, names: list[str], number: int) -> tuple[house.Message, tuple[int, ...]] | None:
        there = [name for name in names if name in self._table.held]
        if not there:
            return None
        return house.Held(number=number, names=there), tuple(self._table.held[name] for name in there)


def _exited(number: int, entry: Entry) -> house.Exited:
    if entry.status is None or entry.ended is None:
        raise ValueError(f"{entry.token} has not exited")
    return house.Exited(
        number=number,
        token=entry.token,
        pid=entry.pid,
        status=entry.status,
        ended=entry.ended,
        leftovers=entry.leftovers,
    )
