"""The merged stream on hotclub's own stdout: `20:15:03 web:1   | line`.

It reads what the streams have put into files and onto tapes, at its own pace, one block at a time, and reads no
more before that block is written. A stdout that takes nothing (Ctrl-S, a stuck pipe) delays nobody: the places in
the sources fall behind, and what is too far behind is left out, and said. For output without a file the place is
on the tape, so the next daemon goes on from there; a block that was half written then comes again.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hotclub.daemon.logs.feed import CHUNK, Feed, Source
from hotclub.daemon.logs.shape import Shape, parse, prefixed
from hotclub.daemon.logs.stdout import Stdout
from hotclub.model.spec import LogFormat

_BEHIND = 1024 * 1024  # bytes that a source may be ahead of us
_MESSAGES = 1000
_PATIENCE = 1.0  # seconds in which stdout must take something
_PALETTE = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_OURS = "hotclub"


@dataclass(slots=True, eq=False)
class _Channel:
    feed: Feed
    shape: Shape
    has_file: bool
    pending: bool = False
    skipped: int = 0  # bytes left out that were not mentioned yet


class Console:
    """One per daemon. `say` is for hotclub's own messages; the log room adds the processes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int = 1, *, colour: bool | None = None) -> None:
        self._loop = loop
        self._out = Stdout(fd)
        self._colour = self._out.is_terminal and not os.environ.get("NO_COLOR") if colour is None else colour
        self._colours: dict[str, int] = {}
        self._width = 0
        self._channels: dict[Source, _Channel] = {}
        self._pending: deque[_Channel] = deque()
        self._messages: deque[str] = deque()
        self._unsaid = 0  # messages there was no room for
        self._block = memoryview(b"")
        self._written: Callable[[], None] | None = None  # what to do when the block is out
        self._taken = asyncio.Event()  # cleared while stdout takes nothing
        self._taken.set()
        self._scheduled = self._gone = False
        self._stuck = False  # it took nothing for so long that output without a file is left out too
        self._giving_up: asyncio.TimerHandle | None = None
        self._slowed: set[Callable[[], None]] = set()

    def say(self, text: str) -> None:
        """A message of hotclub itself, one line or more."""
        if len(self._messages) < _MESSAGES:
            self._messages.append(text)
        else:
            self._unsaid += 1
        self._schedule()

    def show(self, source: Source, shape: Shape, position: int, *, has_file: bool) -> None:
        """Follow this source from here on. A source that is known already is followed from where we are."""
        if source in self._channels:
            self._channels[source].shape = shape
            return
        channel = _Channel(Feed(source, position), shape, has_file)
        self._channels[source] = channel
        self._width = max(self._width, len(shape.display))
        source.listeners.add(functools.partial(self._wake, channel))

    def catch_up(self) -> None:
        """Write until everything is written or nothing more is taken."""
        while not self._blocked and self._step():
            pass

    def slow_down(self, resume: Callable[[], None]) -> bool:
        """Whether to stop reading output that has no file: stdout is slow, but not stuck.

        `resume` is called when it has taken more, or is thought stuck.
        """
        if not self._blocked or self._stuck:
            return False
        self._slowed.add(resume)
        if self._giving_up is None:
            self._giving_up = self._loop.call_later(_PATIENCE, self._give_up)
        return True

    async def close(self, patience: float = 0.5) -> None:
        """Write what is left, for a moment at most."""
        self.catch_up()
        try:
            async with asyncio.timeout(patience):
                while self._blocked:
                    await self._taken.wait()
                    self.catch_up()
        except TimeoutError:
            self._loop.remove_writer(self._out.fd)
        self._gone = True
        self._resume()
        self._out.close()

    @property
    def _blocked(self) -> bool:
        return not self._taken.is_set()

    # --- the pace ---

    def _wake(self, channel: _Channel) -> None:
        feed = channel.feed
        if self._gone:
            feed.source.shown(feed.source.end)
            return
        behind = feed.source.end - feed.position
        if behind > _BEHIND:
            self._leave_out(channel)
        self._expect(channel)
        self._schedule()

    def _expect(self, channel: _Channel) -> None:
        if not channel.pending:
            channel.pending = True
            self._pending.append(channel)

    def _leave_out(self, channel: _Channel) -> None:
        feed = channel.feed
        channel.skipped += feed.skip(feed.source.end - CHUNK)
        feed.source.shown(feed.position)

    def _schedule(self) -> None:
        if not self._scheduled and not self._blocked and not self._gone:
            self._scheduled = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._scheduled = False
        if not self._blocked and self._step():
            self._schedule()

    def _ready(self) -> None:
        self._loop.remove_writer(self._out.fd)
        self._taken.set()
        self._stuck = False
        self._schedule()
        self._resume()

    def _give_up(self) -> None:
        self._stuck = True
        self._resume()

    def _resume(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        slowed, self._slowed = self._slowed, set()
        for resume in slowed:
            resume()

    def _step(self) -> bool:
        """Write one block; False when there was none, or it was not taken whole."""
        if self._gone or not (self._block or self._fill()):
            return False
        try:
            self._block = self._block[self._out.write(bytes(self._block)) :]
        except BlockingIOError:
            self._wait()
            return False
        except OSError as error:
            self._fail(error)
            return False
        if self._block:
            return True
        if self._written is not None:
            self._written()
            self._written = None
        return True

    def _wait(self) -> None:
        self._taken.clear()
        self._loop.add_writer(self._out.fd, self._ready)

    def _fail(self, error: OSError) -> None:
        """Nobody reads any more, or the disk behind stdout is full: this block is lost either way."""
        self._block = memoryview(b"")
        if self._written is not None:
            self._written()
            self._written = None
        if not isinstance(error, BrokenPipeError) and not self._out.is_terminal:
            self._schedule()
            return
        self._gone = True
        self._messages.clear()
        self._pending.clear()
        for channel in self._channels.values():
            channel.feed.source.shown(channel.feed.source.end)

    # --- the blocks ---

    def _fill(self) -> bool:
        """Make the next block: our own messages go first."""
        if self._messages:
            self._block = memoryview(self._lines_of(self._messages.popleft()))
            return True
        if self._unsaid:
            self._block = memoryview(self._lines_of(f"{self._unsaid} messages were left out here"))
            self._unsaid = 0
            return True
        while self._pending:
            channel = self._pending.popleft()
            channel.pending = False
            feed = channel.feed
            block = feed.block(feed.source.end, final=not feed.source.live)
            if not block and not channel.skipped:
                continue
            self._expect(channel)
            self._block = memoryview(self._render(channel, block))
            self._written = functools.partial(feed.source.shown, feed.position)
            return True
        return False

    def _render(self, channel: _Channel, block: bytes) -> bytes:
        shape, skipped = channel.shape, channel.skipped
        channel.skipped = 0
        said = b""
        if skipped:
            where = "; the log file has it" if channel.has_file else ""
            said = self._prefix(shape.display) + f"[{skipped} bytes left out{where}]\n".encode()
        if not block:
            return said
        if not block.endswith(b"\n"):
            block += b"\n"
        if shape.format is LogFormat.JSON and not channel.has_file:
            return said + shape.render(block, time.time())
        if shape.format is not LogFormat.RAW and channel.has_file:
            block = b"".join(parse(shape.format, line)[1] + b"\n" for line in block[:-1].split(b"\n"))
        return said + prefixed(block, self._prefix(shape.display))

    def _lines_of(self, text: str) -> bytes:
        return prefixed(text.rstrip("\n").encode("utf-8", "replace") + b"\n", self._prefix(_OURS))

    def _prefix(self, display: str) -> bytes:
        name = display.ljust(max(self._width, len(_OURS)))
        head = f"{time.strftime('%H:%M:%S')} {name} | "
        if not self._colour:
            return head.encode()
        program = display.partition(":")[0]
        colour = (
            1 if display == _OURS else self._colours.setdefault(program, _PALETTE[len(self._colours) % len(_PALETTE)])
        )
        return f"\x1b[{colour}m{head}\x1b[0m".encode()
