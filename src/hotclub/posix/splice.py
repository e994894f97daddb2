"""Bytes that move inside the kernel, between pipes and files.

`splice` takes bytes out of a pipe and puts them into a file in one system call: a process that is killed around
it has them in neither hand. `peek` looks into a pipe without taking anything out.
"""

from __future__ import annotations

import functools
import os
import select
import sys
from typing import TYPE_CHECKING, Any

if sys.platform == "linux":
    import fcntl
    import termios

if TYPE_CHECKING:
    import ctypes

_KEEP_SIZE, _PUNCH_HOLE = 1, 2  # <linux/falloc.h>


def splice(pipe: int, file: int, count: int, offset: int | None = None) -> int:
    """Move at most `count` bytes from the pipe to the file, at `offset` (None: no seeking, as for /dev/null).

    Returns 0 at the end of the pipe; raises BlockingIOError when it is merely empty.
    """
    return os.splice(pipe, file, count, offset_dst=offset, flags=os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE)


def waiting(pipe: int) -> int:
    """How many bytes are in the pipe."""
    answer = fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0")
    return int.from_bytes(answer, sys.byteorder)


def hung_up(pipe: int) -> bool:
    """Whether every writer has gone. Bytes may still be waiting."""
    poll = select.poll()
    poll.register(pipe, 0)
    return any(what & select.POLLHUP for _, what in poll.poll(0))


def peek(pipe: int, count: int) -> bytes:
    """The next bytes of the pipe, at most `count`, which stay where they are."""
    read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        copied = _call(_libc().tee(pipe, write, _size(count), os.SPLICE_F_NONBLOCK), "tee")
        return os.read(read, copied) if copied else b""
    finally:
        os.close(read)
        os.close(write)


def pipe_size(pipe: int) -> int:
    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


def resize(pipe: int, size: int) -> bool:
    """Give the pipe another capacity; False when the kernel does not allow it to this user."""
    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, size)
    except OSError:
        return False
    return True


def punch(file: int, offset: int, count: int) -> None:
    """Give the memory (or disk) behind a part of the file back; the file keeps its length and reads as zeros there."""
    mode = _KEEP_SIZE | _PUNCH_HOLE
    _call(_libc().fallocate(file, mode, _offset(offset), _offset(count)), "fallocate")


@functools.cache
def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _size(number: int) -> Any:  # noqa: ANN401 (ctypes' own scalar types)
    import ctypes

    return ctypes.c_size_t(number)


def _offset(number: int) -> Any:  # noqa: ANN401
    import ctypes

    return ctypes.c_longlong(number)


def _call(result: int, name: str) -> int:
    if result < 0:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return int(result)
