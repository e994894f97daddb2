"""Where output stays until it has been dealt with: a memfd that the keeper holds.

Bytes are spliced from the pipe to the end of the tape and read from there; what is done with is punched out, so
the tape takes memory only for what lies between. Its length is how far it was filled. Its first page says how far
it was consumed, and, while a write to a log file is under way, at which offset of the log that write began. It is
there twice, with a byte that says which one counts, so that a kill at any instruction leaves the one or the other.
A new daemon that finds a write under way takes it back and does it again.
"""

from __future__ import annotations

import mmap
import os
import struct

from hotclub.posix import memfd
from hotclub.posix.splice import punch, splice

START = mmap.PAGESIZE  #: offset of the first byte of output
_COPY = struct.Struct("<Qq")  # consumed up to; offset of the write under way, or -1
_PLACES = (16, 48)
_IDLE = -1
_PUNCH_AFTER = 64 * 1024


class Tape:
    def __init__(self, fd: int) -> None:
        """Take over a tape, or begin one in an empty memfd. The descriptor is ours from here on."""
        self.fd = fd
        if os.fstat(fd).st_size < START:
            os.ftruncate(fd, START)
        self.end = os.fstat(fd).st_size
        self._current = os.pread(fd, 1, 0)[0] & 1
        consumed, under_way = _COPY.unpack(os.pread(fd, _COPY.size, _PLACES[self._current]))
        self.consumed: int = consumed or START
        self.under_way: int = under_way if consumed else _IDLE
        self._kept_from = self.consumed // START * START

    @classmethod
    def new(cls, name: str) -> Tape:
        return cls(memfd.create(name))

    def take(self, pipe: int, count: int) -> int:
        """Move bytes from a pipe to the end of the tape; like `splice`."""
        moved = splice(pipe, self.fd, count, self.end)
        self.end += moved
        return moved

    def append(self, data: bytes) -> None:
        self.end += os.pwrite(self.fd, data, self.end)

    def read(self, offset: int, count: int) -> bytes:
        return os.pread(self.fd, count, offset)

    def begin(self, offset: int) -> None:
        """A write to the log begins at this offset of it."""
        self._set(self.consumed, offset)

    def commit(self, consumed: int, keep: int = 0) -> None:
        """Everything before `consumed` is done with; its last `keep` bytes may still be read."""
        self._set(consumed, _IDLE)
        first = max(START, consumed - keep) // START * START
        if first - self._kept_from >= _PUNCH_AFTER:
            punch(self.fd, self._kept_from, first - self._kept_from)
            self._kept_from = first

    @property
    def interrupted(self) -> int | None:
        """The offset of a write that a killed daemon began."""
        return None if self.under_way == _IDLE else self.under_way

    def close(self) -> None:
        os.close(self.fd)

    def _set(self, consumed: int, under_way: int) -> None:
        self._current ^= 1
        os.pwrite(self.fd, _COPY.pack(consumed, under_way), _PLACES[self._current])
        os.pwrite(self.fd, bytes([self._current]), 0)
        self.consumed, self.under_way = consumed, under_way
