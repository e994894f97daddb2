"""Writing to a descriptor of ours that may be slow, stopped or gone, without ever waiting for it.

O_NONBLOCK belongs to the open file, which we share with the shell. So a terminal or pipe is opened once more;
where that is refused, a write is kept so small that it cannot block after poll said "writable". Sockets have
MSG_DONTWAIT, and a regular file never makes anybody wait.
"""

from __future__ import annotations

import os
import select
import socket
import stat
from collections.abc import Callable

_SURELY = {stat.S_IFIFO: select.PIPE_BUF if hasattr(select, "PIPE_BUF") else 512}
_LITTLE = 128


class Stdout:
    def __init__(self, fd: int) -> None:
        kind = stat.S_IFMT(os.fstat(fd).st_mode)
        self.is_terminal = os.isatty(fd)
        self.fd, self.write = self._open(fd, kind)

    def close(self) -> None:
        os.close(self.fd)

    def _open(self, fd: int, kind: int) -> tuple[int, Callable[[bytes], int]]:
        """Our own descriptor and a write that raises BlockingIOError instead of waiting."""
        if kind == stat.S_IFSOCK:
            peer = socket.socket(fileno=os.dup(fd))
            own = peer.detach()
            return own, lambda data: _send(own, data)
        if kind == stat.S_IFREG:
            own = os.dup(fd)
            return own, lambda data: os.write(own, data)
        try:
            own = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            own = os.dup(fd)
            return own, lambda data: _write_some(own, data, _SURELY.get(kind, _LITTLE))
        return own, lambda data: os.write(own, data)


def _send(fd: int, data: bytes) -> int:
    peer = socket.socket(fileno=fd)
    try:
        return peer.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    finally:
        peer.detach()


def _write_some(fd: int, data: bytes, count: int) -> int:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    if not any(what & select.POLLOUT for _, what in poll.poll(0)):
        raise BlockingIOError
    return os.write(fd, data[:count])
