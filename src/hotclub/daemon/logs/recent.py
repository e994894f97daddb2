"""The output of a stream without a file: what is on its tape, readable like a file for a while."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from time import time

from hotclub.daemon.logs.tape import START, Tape

KEPT = 64 * 1024  #: bytes that stay readable after they were shown


class Recent:
    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.live = 0
        self.listeners: set[Callable[[], None]] = set()
        self._times: deque[tuple[int, float]] = deque(maxlen=4096)  # (offset, when), at most one a second

    @property
    def end(self) -> int:
        return self.tape.end

    @property
    def unseen(self) -> int:
        """Bytes that were not shown yet."""
        return self.tape.end - self.tape.consumed

    def stamp(self) -> None:
        """What comes now comes now."""
        now = time()
        if not self._times or not self._times[-1][1] <= now < self._times[-1][1] + 1:
            self._times.append((self.tape.end, now))

    def nearest(self, offset: int) -> int:
        first = max(START, self.tape.consumed - KEPT)
        if offset >= first:
            return offset
        return first if first == START else first + max(0, self.tape.read(first - 1, KEPT).find(b"\n"))

    def read(self, offset: int, count: int) -> bytes:
        return self.tape.read(offset, count)

    def time_at(self, offset: int) -> tuple[float | None, int]:
        after = bisect_right(self._times, offset, key=lambda each: each[0])
        until = self._times[after][0] if after < len(self._times) else self.end
        return (self._times[after - 1][1] if after else None), until

    def since(self, when: float) -> int:
        return next((offset for offset, time in self._times if time > when - 1.0), self.end)

    def shown(self, position: int) -> None:
        """Everything before `position` reached the console, or will never be shown."""
        if position > self.tape.consumed:
            self.tape.commit(position, keep=KEPT)

    def tell(self) -> None:
        for listener in tuple(self.listeners):
            listener()
