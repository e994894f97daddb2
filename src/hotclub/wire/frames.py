"""Frames: bytes and descriptors that travel together, or not at all.

A frame is one message on a SOCK_SEQPACKET pair, so it arrives whole. Its first byte says where the data is: in the
message itself (up to INLINE bytes), or, because the kernel refuses long messages, in a sealed memfd that comes as the
first descriptor. At most FDS descriptors travel in a frame. Both sides use non-blocking sockets; a socket that is
full or empty raises BlockingIOError, and nothing was sent or taken. See unix(7), cmsg(3).
"""

from __future__ import annotations

import array
import errno
import os
import socket
from collections.abc import Sequence

from hotclub.posix import memfd

INLINE = 60 * 1024
FDS = 64
#: No frame has more data than this; a peer that says otherwise is broken.
LIMIT = 256 * 1024 * 1024

_IN_MESSAGE, _IN_MEMFD = b"\x00", b"\x01"
#: The kernel is out of something for now; the frame can be sent later.
_LATER = (errno.ENOBUFS, errno.ETOOMANYREFS if hasattr(errno, "ETOOMANYREFS") else errno.ENOBUFS)


class FrameError(Exception):
    """What came is not a frame; nothing that came with it is kept."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected non-blocking ends."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


def send(sock: socket.socket, data: bytes, fds: Sequence[int] = ()) -> None:
    """Send one frame; the descriptors stay open here, too.

    Raises BlockingIOError when it must be tried again later, OSError (EPIPE, ECONNRESET) when nobody is there.
    """
    if len(fds) > FDS or len(data) > LIMIT:
        raise ValueError(f"a frame has at most {FDS} descriptors and {LIMIT} bytes")
    if len(data) <= INLINE:
        _send(sock, (_IN_MESSAGE, data), fds)
        return
    long = memfd.sealed("frame", data)
    try:
        _send(sock, (_IN_MEMFD,), (long, *fds))
    finally:
        os.close(long)


def receive(sock: socket.socket) -> tuple[bytes, list[int]] | None:
    """The next frame, whose descriptors (not inheritable) now belong to the caller; None at the end.

    Raises BlockingIOError when none is there, FrameError when it is damaged.
    """
    space = socket.CMSG_SPACE((FDS + 1) * array.array("i").itemsize)
    try:
        data, ancillary, flags, _ = sock.recvmsg(INLINE + 1, space, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        # The other side ended with frames of ours unread: said once, before what it had sent can be taken.
        data, ancillary, flags, _ = sock.recvmsg(INLINE + 1, space, socket.MSG_CMSG_CLOEXEC)
    fds = _descriptors(ancillary)
    try:
        return (_contents(data, fds, flags), fds) if data else None
    except BaseException:
        for fd in fds:
            os.close(fd)
        raise


def _send(sock: socket.socket, parts: Sequence[bytes], fds: Sequence[int]) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    try:
        sock.sendmsg(parts, ancillary, socket.MSG_NOSIGNAL)
    except OSError as wrong:
        if wrong.errno in _LATER:
            raise BlockingIOError(wrong.errno, wrong.strerror) from wrong
        raise


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    fds = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return list(fds)


def _contents(data: bytes, fds: list[int], flags: int) -> bytes:
    """The frame's data; a memfd that carried it is taken from `fds`."""
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise FrameError("a frame was cut: too long, or no room for its descriptors")
    where = data[:1]
    if where == _IN_MESSAGE:
        return data[1:]
    if where != _IN_MEMFD or not fds:
        raise FrameError(f"not a frame: {data[:40]!r}")
    if not memfd.is_sealed(fds[0]) or os.fstat(fds[0]).st_size > LIMIT:
        raise FrameError("a long frame whose data is not sealed, or is too long")
    contents = memfd.contents(fds[0])
    os.close(fds.pop(0))
    return contents
