"""Who asks for logs gets them from the files, merged by time, from any cursor on, and then as they grow.

A cursor is the offsets of all the streams asked for. It goes out with every line and comes back after a break;
since offsets outlive rotations, daemons and restarts, no line is lost or doubled. Nothing is buffered for a slow
reader: it falls behind in the files, and learns how many bytes were rotated away before it came to them.
"""

from __future__ import annotations

import asyncio
import heapq
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

from hotclub.daemon.logs.feed import CHUNK, Feed, Source
from hotclub.daemon.logs.shape import parse
from hotclub.model.spec import LogFormat

_BREATH = 256  # lines between two looks at the rest of the world

Answer = dict[str, object]


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where lines come from."""

    process: str
    display: str
    stream: str
    format: LogFormat
    source: Source

    @property
    def key(self) -> str:
        return f"{self.process}.{self.stream}"


@dataclass(frozen=True, slots=True)
class _Line:
    time: float | None
    data: bytes
    origin: int
    behind: int  #: offset behind it


class Reader:
    def __init__(self, origins: Sequence[Origin], *, grep: str | None, cursor: str | None) -> None:
        """Raises ValueError when `grep` is no regular expression, or `cursor` none of ours."""
        self._origins = origins
        self._matches = _matcher(grep)
        self._cursor = _parse(cursor)
        self._feeds: list[Feed] = []
        self._offsets: list[int] = []
        self._more = asyncio.Event()

    async def lines(self, *, tail: int | None, since: float | None, follow: bool) -> AsyncIterator[Answer]:
        wake = self._more.set
        for origin in self._origins:
            origin.source.listeners.add(wake)
        try:
            async for line in self._past(tail, since, final=not follow):
                yield self._answer(line)
            while follow:
                async for line in self._news():
                    yield self._answer(line)
                await self._more.wait()
        finally:
            for origin in self._origins:
                origin.source.listeners.discard(wake)

    # --- what is there already ---

    async def _past(self, tail: int | None, since: float | None, *, final: bool) -> AsyncIterator[_Line]:
        ends = [origin.source.end for origin in self._origins]
        starts = [await self._start(number, end, tail, since) for number, end in enumerate(ends)]
        self._feeds = [Feed(origin.source, start) for origin, start in zip(self._origins, starts, strict=True)]
        self._offsets = starts
        whole = (self._until(number, end, since, final=final) for number, end in enumerate(ends))
        merged = heapq.merge(*whole, key=lambda line: line.time or 0.0)
        last: deque[_Line] = deque()
        for count, line in enumerate(merged):
            if count % _BREATH == 0:
                await asyncio.sleep(0)
            if tail is None or self._cursor:
                yield line
                continue
            last.append(line)
            if len(last) > tail:
                self._pass(last.popleft())
        for line in last:
            yield line

    async def _start(self, number: int, end: int, tail: int | None, since: float | None) -> int:
        origin = self._origins[number]
        known = self._cursor.get(origin.key)
        if known is not None and known <= end:
            return known
        first = origin.source.nearest(0)
        if since is not None:
            first = max(first, min(origin.source.since(since), end))
        if tail is None or self._cursor:
            return first
        return await self._backwards(origin, first, end, tail)

    async def _backwards(self, origin: Origin, first: int, end: int, tail: int) -> int:
        """An offset behind which there are at least `tail` lines that match, or `first`."""
        found, position, rest = 0, end, b""
        while position > first and found <= tail:
            size = min(CHUNK, position - first)
            position -= size
            block = origin.source.read(position, size) + rest
            head, newline, behind = block.partition(b"\n")
            if not newline:
                rest = block
                continue
            rest = head + newline
            found += sum(1 for line in behind.split(b"\n") if line and self._matches(parse(origin.format, line)[1]))
            await asyncio.sleep(0)
        return position + len(rest) if found > tail else first

    def _until(self, number: int, end: int, since: float | None, *, final: bool) -> Iterator[_Line]:
        feed, source = self._feeds[number], self._origins[number].source
        position = -1
        while position != feed.position:
            position = feed.position
            for line in self._batch(number, end, final=final or not source.live):
                if since is None or line.time is None or line.time >= since - 1.0:
                    yield line

    # --- what comes ---

    async def _news(self) -> AsyncIterator[_Line]:
        busy = True
        while busy:
            self._more.clear()
            busy = False
            for number, (origin, feed) in enumerate(zip(self._origins, self._feeds, strict=True)):
                position = feed.position
                for line in self._batch(number, origin.source.end, final=not origin.source.live):
                    yield line
                busy = busy or feed.position != position
            await asyncio.sleep(0)

    # --- lines ---

    def _batch(self, number: int, end: int, *, final: bool) -> Iterator[_Line]:
        """The next lines of one stream that match, about a chunk of them."""
        feed, origin = self._feeds[number], self._origins[number]
        for time, data, behind in feed.lines(end, final=final):
            own, message = parse(origin.format, data)
            when = time if own is None else own
            if feed.gone:
                note = f"[hotclub] {feed.gone} bytes were rotated away before they were read"
                yield _Line(when, note.encode(), number, behind - len(data) - 1)
                feed.gone = 0
            if self._matches(message):
                yield _Line(when, message, number, behind)

    def _pass(self, line: _Line) -> None:
        self._offsets[line.origin] = line.behind

    def _answer(self, line: _Line) -> Answer:
        origin = self._origins[line.origin]
        self._pass(line)
        return {
            "time": line.time,
            "process": origin.process,
            "name": origin.display,
            "stream": origin.stream,
            "line": line.data.decode("utf-8", "replace"),
            "cursor": ",".join(f"{each.key}={at}" for each, at in zip(self._origins, self._offsets, strict=True)),
        }


def _matcher(grep: str | None) -> Callable[[bytes], bool]:
    if grep is None:
        return lambda _: True
    try:
        pattern = re.compile(grep.encode())
    except re.error as wrong:
        raise ValueError(f"not a regular expression: {grep!r}: {wrong}") from None
    return lambda line: pattern.search(line) is not None


def _parse(cursor: str | None) -> dict[str, int]:
    offsets = {}
    for part in (cursor or "").split(","):
        if not part:
            continue
        name, _, offset = part.rpartition("=")
        if not name or not offset.isascii() or not offset.isdecimal():
            raise ValueError(f"not a cursor of hotclub's: {cursor!r}")
        offsets[name] = int(offset)
    return offsets
