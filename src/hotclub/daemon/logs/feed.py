"""Reading a stream line by line, from any offset on, while it grows and rotates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

CHUNK = 64 * 1024
LONGEST = 1024 * 1024 + CHUNK  #: a line that is longer comes in pieces


class Source(Protocol):
    """Output that can be read again: a log file, or what is still in memory."""

    live: int  #: pipes that run into it
    listeners: set[Callable[[], None]]  #: called when there is more, or an end

    @property
    def end(self) -> int: ...
    def nearest(self, offset: int) -> int: ...
    def read(self, offset: int, count: int) -> bytes: ...
    def time_at(self, offset: int) -> tuple[float | None, int]: ...
    def since(self, when: float) -> int: ...
    def shown(self, position: int) -> None: ...
    def tell(self) -> None: ...


class Feed:
    """A place in a source. `gone` counts bytes that were away before they were read."""

    def __init__(self, source: Source, position: int) -> None:
        self.source = source
        self.position = position
        self.gone = 0
        self._fresh = True  # the byte before may be the end of a line that was given out unfinished
        self._time: tuple[float | None, int] = (None, -1)

    def block(self, upto: int, *, final: bool, size: int = CHUNK) -> bytes:
        """The next whole lines, about `size` bytes of them; nothing when the next line is not finished.

        With `final` an unfinished last line counts as one.
        """
        self._find()
        while True:
            data = self.source.read(self.position, min(size, upto - self.position))
            cut = data.rfind(b"\n") + 1
            if not cut and size >= LONGEST and len(data) >= LONGEST:
                cut = len(data)
            elif not cut and len(data) == size:
                size *= 4
                continue
            elif not cut and final:
                cut = len(data)
            self.position += cut
            self._fresh = not data[:cut].endswith(b"\n")
            return data[:cut]

    def skip(self, offset: int) -> int:
        """Leave out what comes before this offset, and the line that it lies in. Returns the number of bytes."""
        start = self.position
        ahead = self.source.read(offset, CHUNK)
        self.position = max(start, offset + ahead.find(b"\n") + 1)
        return self.position - start

    def lines(self, upto: int, *, final: bool) -> Iterator[tuple[float | None, bytes, int]]:
        """Time, line without its newline, and the offset behind it."""
        block = self.block(upto, final=final)
        behind = self.position - len(block)
        for line in _split(block):
            time = self._when(behind)
            behind += len(line)
            yield time, line.removesuffix(b"\n"), behind

    def _find(self) -> None:
        nearest = self.source.nearest(self.position)
        self.gone += nearest - self.position
        self.position = nearest
        if self._fresh and self.position > self.source.nearest(0):
            around = self.source.read(self.position - 1, 2)
            if len(around) == 2 and around[0] != 10 and around[1] == 10:
                self.position += 1

    def _when(self, offset: int) -> float | None:
        if offset >= self._time[1]:
            self._time = self.source.time_at(offset)
        return self._time[0]


def _split(block: bytes) -> list[bytes]:
    parts = block.split(b"\n")
    last = parts.pop()
    lines = [part + b"\n" for part in parts]
    return [*lines, last] if last else lines
