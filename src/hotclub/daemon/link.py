"""The daemon's line to the keeper.

Sends block until the keeper has taken the frame: it never waits for us, so the wait is bounded by the births
it is busy with, and frames keep the order in which the daemon decided them. Receiving is event-driven; a batch of
frames is dealt with and then confirmed by one `Seen`, which is what tells the keeper that we are not hung.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hotclub.wire import frames, house

#: Frames dealt with before the loop gets its turn again.
BATCH = 64


class KeeperLost(Exception):
    """The keeper is gone: its end of the line is closed."""


@dataclass(slots=True)
class Inheritance:
    """What the keeper hands to a new daemon."""

    welcome: house.Welcome
    entries: dict[str, house.Entry] = field(default_factory=dict)
    records: dict[str, bytes] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)  #: descriptors by name, ours from now on


class Link:
    """One SOCK_SEQPACKET line; `on_message` gets each frame, `on_lost` is called once at end of file."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.setblocking(False)
        self._writable = select.poll()
        self._writable.register(sock, select.POLLOUT)
        self._loop: asyncio.AbstractEventLoop | None = None

    def take_over(self) -> Inheritance:
        """Wait for everything that the keeper holds for us, up to `Settled`.

        Raises KeeperLost.
        """
        inheritance: Inheritance | None = None
        readable = select.poll()
        readable.register(self._sock, select.POLLIN)
        while True:
            readable.poll()
            try:
                message, fds = self._receive()
            except BlockingIOError:
                continue
            match message:
                case house.Welcome():
                    inheritance = Inheritance(message)
                case house.Settled(number=number):
                    self.send(house.Seen(number=number))
                    if inheritance is None:
                        raise ValueError("the keeper settled without a welcome")
                    return inheritance
                case _ if inheritance is not None:
                    _inherit(inheritance, message, fds)

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        on_message: Callable[[house.Message], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Deliver what comes from now on in `loop`."""
        self._loop, self._on_message, self._on_lost = loop, on_message, on_lost
        loop.add_reader(self._sock, self._read)

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._sock)
        self._sock.close()

    def send(self, message: house.FromDaemon, fds: Sequence[int] = ()) -> None:
        """Hand one frame to the keeper; the descriptors stay ours.

        A frame to a keeper that is gone is dropped: `on_lost` is about to say so.
        """
        data = house.encode(message)
        while True:
            try:
                frames.send(self._sock, data, fds)
                return
            except BlockingIOError:
                self._writable.poll()
            except (BrokenPipeError, ConnectionResetError):
                return

    def _read(self) -> None:
        seen = 0
        try:
            for _ in range(BATCH):
                message, fds = self._receive()
                for fd in fds:  # none of the news carries descriptors
                    os.close(fd)
                self._on_message(message)
                seen = getattr(message, "number", seen)
        except BlockingIOError:
            pass
        except KeeperLost:
            if self._loop is not None:
                self._loop.remove_reader(self._sock)
            self._on_lost()
            return
        if seen:
            self.send(house.Seen(number=seen))

    def _receive(self) -> tuple[house.Message, list[int]]:
        try:
            frame = frames.receive(self._sock)
        except ConnectionResetError as reset:
            raise KeeperLost from reset
        if frame is None:
            raise KeeperLost
        data, fds = frame
        return house.decode(data), list(fds)


def _inherit(inheritance: Inheritance, message: house.Message, fds: list[int]) -> None:
    match message:
        case house.Entry(token=token):
            inheritance.entries[token] = message
        case house.Record(key=key, record=record) if record is not None:
            inheritance.records[key] = record
        case house.Held(names=names):
            inheritance.held.update(zip(names, fds, strict=True))
        case _:
            pass
