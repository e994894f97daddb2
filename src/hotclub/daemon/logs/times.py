"""The time index beside a log file: `web.log.times`.

Records of 16 bytes: milliseconds since 1970 and an offset of the stream. A record says that the bytes from its
offset on came at its time or later. The first one holds the offset at which its file begins. Offsets count the
bytes of a stream from its very first file on, through rotations and restarts, so an offset is a cursor.

A record with the top bit set in its time marks where a birth ended in the middle of a line.
"""

from __future__ import annotations

import os
import struct
from typing import Self

SUFFIX = ".times"
ENDED = 1 << 63
_RECORD = struct.Struct("<QQ")
_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def create(path: str, ms: int, base: int) -> None:
    """Begin the index of the log file at `path`, which starts at offset `base`."""
    fd = os.open(path + SUFFIX, _FLAGS | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        os.pwrite(fd, _RECORD.pack(ms, base), 0)
    finally:
        os.close(fd)


def append(path: str, ms: int, offset: int) -> None:
    fd = os.open(path + SUFFIX, _FLAGS)
    try:
        os.pwrite(fd, _RECORD.pack(ms, offset), _count(fd) * _RECORD.size)  # over a torn record, if there is one
    finally:
        os.close(fd)


def base(path: str) -> int | None:
    """The offset at which this log file begins, if its index can tell."""
    with _Index(path) as index:
        return index[0][1] if index.count else None


def ended(path: str) -> int | None:
    """Where the last birth ended, when that was in the middle of a line."""
    with _Index(path) as index:
        if not index.count:
            return None
        ms, offset = index[index.count - 1]
        return offset if ms & ENDED else None


def at(path: str, offset: int) -> tuple[float | None, int | None]:
    """When the byte at `offset` came, and up to which offset that holds (None: to the end)."""
    with _Index(path) as index:
        after = index.first_above(1, offset)
        until = index[after][1] if after < index.count else None
        return (index[after - 1][0] & ~ENDED) / 1000 if after else None, until


def since(path: str, time: float) -> int | None:
    """The offset of the first record later than `time`; None when there is none."""
    with _Index(path) as index:
        after = index.first_above(0, int(time * 1000))
        return index[after][1] if after < index.count else None


def _count(fd: int) -> int:
    return os.fstat(fd).st_size // _RECORD.size


class _Index:
    """An index opened for reading, if it is there."""

    def __init__(self, path: str) -> None:
        try:
            self._fd = os.open(path + SUFFIX, _FLAGS & ~os.O_RDWR)
        except OSError:
            self._fd = -1
        self.count = _count(self._fd) if self._fd >= 0 else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def __getitem__(self, number: int) -> tuple[int, int]:
        ms, offset = _RECORD.unpack(os.pread(self._fd, _RECORD.size, number * _RECORD.size))
        return ms, offset

    def first_above(self, column: int, value: int) -> int:
        """Number of the first record whose time (column 0) or offset (1) is greater than `value`."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self[middle][column] & ~ENDED > value:
                high = middle
            else:
                low = middle + 1
        return low
