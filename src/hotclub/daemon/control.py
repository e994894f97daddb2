"""The API's second address, if `[control] bind` asks for one.

The socket is held by the keeper like every other, under a name that says where it listens, so a new daemon goes on
with it and a changed address is another socket.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from hotclub.daemon.front.server import Front
from hotclub.daemon.link import Link
from hotclub.model.facts import ControlFailed, Fact
from hotclub.model.spec import Control
from hotclub.posix import sockets
from hotclub.wire import house

PREFIX = "control:"


class ControlDoor:
    """Opens, moves and closes it."""

    def __init__(self, front: Front, link: Link, held: Mapping[str, int], tell: Callable[[Fact], object]) -> None:
        self._front, self._link, self._tell = front, link, tell
        self._inherited = {name: fd for name, fd in held.items() if name.startswith(PREFIX)}
        self._held = list(self._inherited)
        self._open: Control | None = None
        self.trouble: str | None = None  #: why it is not there although it is asked for

    async def move(self, control: Control | None) -> None:
        """Listen where the configuration in force says, and nowhere else."""
        if control == self._open and self.trouble is None:
            return
        self._open, self.trouble = control, None
        name = None if control is None else f"{PREFIX}{control.host}:{control.port}"
        listener = None if control is None else self._listener(control)
        await self._front.lock_up()
        gone = [each for each in self._held if each != name]
        if gone:
            self._link.send(house.Release(names=gone))
        self._held = [] if listener is None or name is None else [name]
        if listener is not None and name is not None and control is not None:
            self._link.send(house.Hold(names=[name]), [listener.fileno()])
            await self._front.open_up(listener, control)

    def _listener(self, control: Control) -> socket.socket | None:
        fd = self._inherited.pop(f"{PREFIX}{control.host}:{control.port}", None)
        if fd is not None:
            return socket.socket(fileno=fd)
        try:
            return sockets.listen_tcp(control.host, control.port)
        except OSError as wrong:
            self.trouble = f"[control] cannot listen on {control.host}:{control.port}: {wrong.strerror or wrong}"
            self._tell(ControlFailed(f"{control.host}:{control.port}", wrong.strerror or str(wrong)))
            return None
