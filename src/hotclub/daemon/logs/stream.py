"""One stream of one process: the pipes of its births, oldest first, and the sink they run into.

An old birth's pipe (some descendant may still hold it) goes before a younger one's as long as it has bytes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from hotclub.daemon.logs.sinks import Sink
from hotclub.posix.splice import pipe_size, resize, waiting

_BIG = 1024 * 1024
_FULL_READS = 2  # so many in a row, and the pipe grows
_BUSY = 32 * 1024  # a turn that moves this much belongs to a busy stream
_BUSY_TURNS = 4  # so many in a row, and it counts as one
_CROWD = 4  # so many busy streams, and a pipe that is nearly empty is left alone for a moment:
_MOMENT = 0.003  # many small turns cost more than one large (a single stream would only be held up)


@dataclass(slots=True, eq=False)
class Pipe:
    """The read end of one birth's output."""

    fd: int
    done: Callable[[], None]
    size: int
    full: int = 0
    busy: int = 0
    open: bool = True


class Growth:
    """What the streams share: how many pipes may be large, and which of them are busy.

    All of root's may be; few of a user's, whose pipes share a limit in the kernel.
    """

    def __init__(self) -> None:
        self._left = 1 << 20 if os.geteuid() == 0 else 8
        self.busy: set[Pipe] = set()  #: those that have much to say just now

    def grow(self, pipe: Pipe) -> None:
        if self._left > 0 and resize(pipe.fd, _BIG):
            self._left -= 1
            pipe.size = _BIG
        else:
            pipe.full = -(1 << 30)  # not asked again soon

    def take(self, pipe: Pipe) -> None:
        """A pipe that an earlier daemon made large counts too."""
        if pipe.size >= _BIG:
            self._left -= 1

    def give_back(self, pipe: Pipe) -> None:
        if pipe.size >= _BIG:
            self._left += 1


class Stream:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sink: Sink,
        growth: Growth,
        told: Callable[[], None],
        over: Callable[[Stream], None],
    ) -> None:
        self.sink = sink
        self._loop, self._growth = loop, growth
        self._told = told  # tells the source's listeners
        self._over = over  # called after the last pipe's end
        self._pipes: list[Pipe] = []
        self._last: Pipe | None = None

    def attach(self, fd: int, done: Callable[[], None]) -> None:
        pipe = Pipe(fd, done, pipe_size(fd))
        self._growth.take(pipe)
        self._pipes.append(pipe)
        self.sink.source.live += 1
        self._listen(pipe)

    def drain(self) -> bool:
        """One turn for each pipe that has something; False when none had."""
        busy = [pipe for pipe in self._pipes if waiting(pipe.fd)]
        for pipe in busy:
            self._turn(pipe)
        return bool(busy)

    def close(self) -> None:
        """Let go of the pipes, whatever is in them."""
        for pipe in self._pipes:
            self._drop(pipe)
        self._pipes.clear()
        self.sink.finish()
        self._told()
        self.sink.close()

    def _turn(self, ready: Pipe) -> None:
        if self.sink.pause(self._resume):
            for each in self._pipes:
                self._loop.remove_reader(each.fd)
            return
        pipe = self._first(ready)
        if pipe is not self._last and self._last is not None:
            self.sink.boundary()
        self._last = pipe
        try:
            count = self.sink.pump(pipe.fd)
        except BlockingIOError:
            return
        if not count:
            self._ended(pipe)
            return
        self._told()
        pipe.full = pipe.full + 1 if count >= pipe.size // 2 else min(pipe.full, 0)
        if pipe.full == _FULL_READS and pipe.size < _BIG:
            self._growth.grow(pipe)
        if self._is_crowded(pipe, count) and count < pipe.size // 4:
            self._loop.remove_reader(pipe.fd)
            self._loop.call_later(_MOMENT, self._listen, pipe)

    def _is_crowded(self, pipe: Pipe, count: int) -> bool:
        """Whether this stream is one of many busy ones."""
        pipe.busy = pipe.busy + 1 if count >= _BUSY else 0
        crowd = self._growth.busy
        if pipe.busy >= _BUSY_TURNS:
            crowd.add(pipe)
            return len(crowd) >= _CROWD
        crowd.discard(pipe)
        return False

    def _listen(self, pipe: Pipe) -> None:
        if pipe.open:
            self._loop.add_reader(pipe.fd, self._turn, pipe)

    def _resume(self) -> None:
        for pipe in self._pipes:
            self._loop.add_reader(pipe.fd, self._turn, pipe)

    def _first(self, ready: Pipe) -> Pipe:
        """The oldest pipe with bytes, up to the one that is ready."""
        for pipe in self._pipes:
            if pipe is ready or waiting(pipe.fd):
                return pipe
        return ready

    def _ended(self, pipe: Pipe) -> None:
        self.sink.finish()
        self._drop(pipe)
        self._pipes.remove(pipe)
        self._told()
        if not self._pipes:
            self.sink.close()
            self._over(self)
        pipe.done()

    def _drop(self, pipe: Pipe) -> None:
        pipe.open = False
        self._growth.busy.discard(pipe)
        self._loop.remove_reader(pipe.fd)
        self._growth.give_back(pipe)
        os.close(pipe.fd)
        self.sink.source.live -= 1
