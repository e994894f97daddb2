"""epoll(7) with a function for each descriptor."""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable

READ, WRITE, EDGE = 0x001, 0x004, 1 << 31  # EPOLLIN, EPOLLOUT, EPOLLET: spelt out to import anywhere


class Poller:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}

    def add(self, fd: int, handler: Callable[[], None], events: int = READ) -> None:
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def modify(self, fd: int, events: int) -> None:
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Stop watching; before the descriptor is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def wait(self, deadline: float | None) -> bool:
        """Call the handlers of what is ready; False at the deadline (CLOCK_MONOTONIC) if nothing was."""
        timeout = None if deadline is None else max(0.0, math.ceil((deadline - time.monotonic()) * 1000) / 1000)
        ready = self._epoll.poll(timeout)
        for fd, _ in ready:
            handler = self._handlers.get(fd)
            if handler is not None:
                handler()
        return bool(ready)
