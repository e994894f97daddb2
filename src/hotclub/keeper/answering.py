"""Speaking for a daemon that was left down.

Whoever connects to the held API socket gets one fixed text: what happened, and what to do. Log pipes would fill, and
then stop the programs that write to them: one that is half full is emptied, and what was thrown away is counted for
the next daemon. Pipes that are not filling keep what they have.
"""

from __future__ import annotations

import array
import os
import socket
import stat
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from hotclub.keeper.poller import EDGE, READ, Poller
from hotclub.keeper.table import Table

if sys.platform == "linux":
    import fcntl
    import termios

API, LOG_PREFIX = "api", "log:"
#: Callers that have connected but not yet asked; more are answered unasked.
CALLERS = 64
_CHUNK = 64 * 1024


class Answering:
    def __init__(self, poller: Poller, table: Table) -> None:
        self._poller = poller
        self._table = table
        self._text = b""
        self._watched: list[int] = []
        self._callers: deque[socket.socket] = deque()
        self._dropped: dict[str, int] = {}

    @property
    def active(self) -> bool:
        return bool(self._text)

    def begin(self, text: str) -> None:
        """Answer with this text from now on."""
        self._text = _response(text)
        for name, fd in self._table.held.items():
            if name == API:
                os.set_blocking(fd, False)
                self._watch(fd, partial(self._accept, fd), READ)
            elif name.startswith(LOG_PREFIX) and stat.S_ISFIFO(os.fstat(fd).st_mode):
                os.set_blocking(fd, False)
                # By edges: a level would be reported again and again for what we mean to leave in the pipe.
                self._watch(fd, partial(self._relieve, name, fd), READ | EDGE)
                self._relieve(name, fd)

    def end(self) -> dict[str, int]:
        """A daemon is coming: answer no more. What was thrown away meanwhile, by descriptor name."""
        for fd in self._watched:
            self._poller.remove(fd)
        self._watched.clear()
        while self._callers:
            self._answer(self._callers[0])
        self._text = b""
        dropped, self._dropped = self._dropped, {}
        return dropped

    def _watch(self, fd: int, handler: Callable[[], None], events: int) -> None:
        self._poller.add(fd, handler, events)
        self._watched.append(fd)

    def _accept(self, fd: int) -> None:
        try:
            with socket.socket(fileno=os.dup(fd)) as listener:
                caller, _ = listener.accept()
        except OSError:
            return  # it has gone again, or there are no descriptors left for it
        caller.setblocking(False)
        self._callers.append(caller)
        self._poller.add(caller.fileno(), lambda: self._answer(caller))
        if len(self._callers) > CALLERS:
            self._answer(self._callers[0])

    def _answer(self, caller: socket.socket) -> None:
        """Once it has asked, so that it is not interrupted while it writes; what it asked does not matter."""
        self._poller.remove(caller.fileno())
        self._callers.remove(caller)
        with caller:
            try:
                caller.recv(_CHUNK)
                caller.send(self._text)
            except OSError:
                pass

    def _relieve(self, name: str, fd: int) -> None:
        """Empty a pipe that is half full."""
        if _waiting(fd) * 2 < fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ):
            return
        dropped = 0
        # Bounded by what the pipe holds now: a program that writes without end comes round again.
        rest = _waiting(fd)
        while rest > 0:
            try:
                part = os.read(fd, min(rest, _CHUNK))
            except OSError:
                break
            if not part:
                break
            dropped += len(part)
            rest -= len(part)
        self._dropped[name] = self._dropped.get(name, 0) + dropped


def story(*, cause: str, died: float, errors: str, last_words: str, keeper: int) -> str:
    """What a caller is told."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(died))
    lines = [
        "hotclub: the daemon was left down, because it ended five times within a minute.",
        f"The last time, at {when}: {cause}.",
        "The programs go on running, but nobody restarts them or writes their logs.",
        "",
    ]
    if last_words:
        lines += [f"The end of {errors}:", *(f"    {line}" for line in last_words.splitlines()), ""]
    lines += [
        f"To try again when the cause is mended: hotclub up   (or: kill -USR1 {keeper})",
        f"To stop everything:                    hotclub down (or: kill -TERM {keeper})",
    ]
    return "\n".join(lines) + "\n"


def _response(text: str) -> bytes:
    body = text.encode()
    head = (
        "HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _waiting(fd: int) -> int:
    """How many bytes are in the pipe, see ioctl_pipe(2) about FIONREAD."""
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]
