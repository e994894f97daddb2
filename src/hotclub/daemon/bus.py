"""What happened, numbered, and kept where a dead daemon cannot take it along.

The journal is a ring of JSON lines in a memfd that the keeper holds. Its header has two copies of (oldest, head,
last number) and a byte that says which one counts, so a `kill -9` in the middle of a write leaves the old state,
never a torn one. Numbers go on in the next daemon; a follower asks for what came after the number it saw last.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, get_args

import msgspec

from hotclub.model.facts import Fact

CAPACITY = 1024 * 1024
_HEADER = 4096
_COPY = struct.Struct("<QQQ")  # oldest position, head position, last number
_SIZE = struct.Struct("<I")
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Fact)}


@dataclass(frozen=True, slots=True)
class Told:
    """A fact with its number and the time (unix seconds) at which it was told."""

    seq: int
    time: float
    fact: Fact


def to_json(told: Told) -> dict[str, object]:
    """The one JSON shape of a fact: number, time, name, and its own fields."""
    return {"seq": told.seq, "time": told.time, **fact_to_json(told.fact)}


def fact_to_json(fact: Fact) -> dict[str, object]:
    """A fact by itself: its name and its fields."""
    return {"fact": type(fact).__name__, **{each.name: getattr(fact, each.name) for each in fields(fact)}}


def fact_from_json(shape: dict[str, Any]) -> Fact:
    """The other way round; numbers and times of an envelope are left aside."""
    known = {name: value for name, value in shape.items() if name not in {"seq", "time", "fact"}}
    fact: Fact = msgspec.convert(known, _KINDS[shape["fact"]])
    return fact


class Journal:
    """The ring in shared memory: append bytes, read them back from the oldest still there."""

    def __init__(self, fd: int) -> None:
        if os.fstat(fd).st_size < _HEADER + CAPACITY:
            os.ftruncate(fd, _HEADER + CAPACITY)
        self._memory = mmap.mmap(fd, _HEADER + CAPACITY)
        self._oldest: int
        self._head: int
        self.last: int
        self._oldest, self._head, self.last = _COPY.unpack_from(self._memory, 64 + 64 * self._memory[0])

    def append(self, line: bytes, seq: int) -> None:
        """Add one entry, pushing out the oldest ones that it needs the room of."""
        size = _SIZE.size + len(line)
        oldest = self._oldest
        while self._head + size - oldest > CAPACITY:
            oldest += _SIZE.size + self._size_at(oldest)
        if oldest != self._oldest:  # room is given up before it is written over
            self._commit(oldest, self._head, self.last)
        self._put(self._head, _SIZE.pack(len(line)) + line)
        self._commit(oldest, self._head + size, seq)

    def entries(self) -> list[bytes]:
        """Every entry still kept, oldest first."""
        found, at = [], self._oldest
        while at < self._head:
            size = self._size_at(at)
            found.append(self._get(at + _SIZE.size, size))
            at += _SIZE.size + size
        return found

    def close(self) -> None:
        self._memory.close()

    def _commit(self, oldest: int, head: int, seq: int) -> None:
        other = 1 - self._memory[0]
        _COPY.pack_into(self._memory, 64 + 64 * other, oldest, head, seq)
        self._memory[0] = other
        self._oldest, self._head, self.last = oldest, head, seq

    def _size_at(self, position: int) -> int:
        size: int = _SIZE.unpack(self._get(position, _SIZE.size))[0]
        return size

    def _get(self, position: int, size: int) -> bytes:
        at = position % CAPACITY
        first = self._memory[_HEADER + at : _HEADER + min(at + size, CAPACITY)]
        return first + self._memory[_HEADER : _HEADER + size - len(first)]

    def _put(self, position: int, data: bytes) -> None:
        at = position % CAPACITY
        first = data[: CAPACITY - at]
        self._memory[_HEADER + at : _HEADER + at + len(first)] = first
        rest = data[len(first) :]
        self._memory[_HEADER : _HEADER + len(rest)] = rest


class Bus:
    """Tells facts to whoever listens, and remembers them.

    `fd` is the journal's memfd; it may be empty, or another daemon's.
    """

    def __init__(self, fd: int, clock: Callable[[], float] = time.time) -> None:
        self._journal = Journal(fd)
        self._clock = clock
        self._listeners: list[Callable[[Told], None]] = []

    @property
    def last(self) -> int:
        """The newest number; 0 when nothing was told yet."""
        return self._journal.last

    def tell(self, fact: Fact) -> Told:
        """Number a fact, keep it, and pass it on to every listener."""
        told = Told(self.last + 1, round(self._clock(), 6), fact)
        self._journal.append(msgspec.json.encode(to_json(told)), told.seq)
        for listener in tuple(self._listeners):
            listener(told)
        return told

    def after(self, seq: int) -> list[Told]:
        """What is still kept of all that was told after number `seq`, oldest first."""
        if seq >= self.last:
            return []
        shapes = (msgspec.json.decode(line) for line in self._journal.entries())
        return [Told(shape["seq"], shape["time"], fact_from_json(shape)) for shape in shapes if shape["seq"] > seq]

    def subscribe(self, listener: Callable[[Told], None]) -> Callable[[], None]:
        """Call `listener` with everything told from now on; the answer ends that.

        Listeners run inside the loop and must not block or raise.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        self._journal.close()
