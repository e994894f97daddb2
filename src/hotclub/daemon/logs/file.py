"""A log file with those it was rotated into: `web.log`, `web.log.1`, `web.log.2` …, the oldest last.

Bytes are addressed by their offset in the whole stream (see `times`). Rotation renames, the oldest first, and
only up to the first number that is free. So a kill between two renames leaves nothing but a free number, which
the next rotation fills. A file and its index are renamed one after the other; `_heal` finishes such a pair.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass

from hotclub.daemon.logs import times
from hotclub.posix.splice import splice

_FLAGS = (
    os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
)


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the stream."""

    path: str
    base: int
    size: int

    @property
    def end(self) -> int:
        return self.base + self.size


class LogFile:
    """The one writer of a log file; readers read through it too."""

    def __init__(self, path: str, max_size: int, total: int) -> None:
        self.path = path
        self.max_size = max_size
        self.total = total
        self.live = 0  #: pipes that run into it
        self.size = 0  #: bytes in the current file that are ours; what lies behind is not written yet
        self.ended: int | None = None  #: where a birth left a line unfinished
        self.listeners: set[Callable[[], None]] = set()
        self._fd = -1
        self._base: int | None = None
        self._identity = (0, 0)
        self._stamp = (0, 0)  # the last record of the index
        self._older: list[Segment] | None = None

    # --- writing ---

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def ensure(self) -> None:
        """Have the file open, and open it anew when somebody moved, removed or emptied it.

        Raises OSError, as all that writes here does.
        """
        if self._fd < 0:
            os.makedirs(os.path.dirname(self.path), 0o750, exist_ok=True)
            _heal(self.path)
            self._open()
        else:
            self._compare()

    def prepare(self) -> None:
        """`ensure`, and note the time: what is written next comes now, and begins a line if a birth ended here."""
        self.ensure()
        if self.ended == self.end:
            self.finish_line()
        self.ended = None
        now = _now()
        if not self._stamp[0] <= now < self._stamp[0] + 1000:
            self._stamp = (now, self.end)
            try:
                times.append(self.path, now, self.end)
            except OSError:  # the index is a help; the bytes matter
                pass

    def take(self, pipe: int, count: int) -> int:
        """Move bytes from a pipe to the end of the file; like `splice`."""
        moved = splice(pipe, self._fd, count, self.size)
        self.size += moved
        return moved

    def write(self, data: bytes) -> None:
        """Append all of it, or nothing."""
        offset, rest = self.size, memoryview(data)
        try:
            while rest:
                written = os.pwrite(self._fd, rest, offset)
                offset, rest = offset + written, rest[written:]
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self.size = offset

    def cut(self, end: int) -> None:
        """Take back what was written behind offset `end` of the stream, if that lies in the current file."""
        size = end - self.base
        if 0 <= size < self.size:
            os.ftruncate(self._fd, size)
            self.size = size

    def finish_line(self) -> None:
        """Write a newline if the file ends in the middle of a line."""
        if self.in_line():
            self.write(b"\n")

    def in_line(self) -> bool:
        return self.size > 0 and self._fd >= 0 and os.pread(self._fd, 1, self.size - 1) != b"\n"

    def mark_end(self) -> None:
        """A birth ends here. The next one's first bytes go to a line of their own."""
        if self.in_line():
            try:
                times.append(self.path, _now() | times.ENDED, self.end)
            except OSError:  # kept in mind, at least
                pass
            self.ended = self.end

    def rotate(self) -> None:
        """Go on in an empty file; drop the oldest ones beyond the total."""
        end = self.end
        free = next(n for n in range(1, 1 << 30) if not os.path.lexists(f"{self.path}.{n}"))
        for number in range(free - 1, 0, -1):
            _move(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        _move(self.path, f"{self.path}.1")
        self.close()
        self._open(end)
        if self.total:
            self._prune()

    def close(self) -> None:
        """Let go of the descriptor. The next `prepare` opens again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._older = None

    def tell(self) -> None:
        """Something new is there to be read."""
        for listener in tuple(self.listeners):
            listener()

    def _open(self, go_on: int | None = None) -> None:
        """Open or create. The disk knows at which offset we are, unless `go_on` says that the stream goes on there."""
        fd = os.open(self.path, _FLAGS, 0o640)
        try:
            found = os.fstat(fd)
            _regular(found, self.path)
            created = (0, 0)
            base = times.base(self.path) if go_on is None else None
            if base is None:
                base = max(0, self._reached() - found.st_size if go_on is None else go_on - found.st_size)
                created = (_now(), base)
                times.create(self.path, *created)
        except OSError:
            os.close(fd)
            raise
        self._fd, self._identity = fd, (found.st_dev, found.st_ino)
        self._base, self.size = base, found.st_size
        self._stamp, self._older = created, None
        self.ended = times.ended(self.path)

    def _reached(self) -> int:
        """How far the stream had come when the current file does not tell."""
        older = _older(self.path)
        return older[-1].end if older else (self._base or 0) + self.size

    def _compare(self) -> None:
        try:
            found = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.path), 0o750, exist_ok=True)
        else:
            if (found.st_dev, found.st_ino) == self._identity and found.st_size >= self.size:
                return
        end = self.end
        self.close()
        self._open(end)  # the offsets go on

    def _prune(self) -> None:
        older = _rotated(self.path)
        kept = sum(size for _, size in older) + self.max_size
        for path, size in older:
            if kept <= self.total:
                break
            os.unlink(path)
            _forget(path + times.SUFFIX)
            kept -= size
        self._older = None

    # --- reading ---

    @property
    def base(self) -> int:
        """Offset of the current file's first byte."""
        if self._base is None:
            self._look()
        return self._base or 0

    @property
    def end(self) -> int:
        if self._fd < 0 and self.live == 0:
            self._look()
        return self.base + self.size

    def nearest(self, offset: int) -> int:
        """This offset, or the first one behind it that is still there."""
        for segment in self._segments():
            if offset < segment.end:
                return max(offset, segment.base)
        return offset

    def read(self, offset: int, count: int) -> bytes:
        parts: list[bytes] = []
        for segment in self._segments():
            while count > 0 and segment.base <= offset < segment.end:
                part = self._part(segment, offset, min(count, segment.end - offset))
                if not part:
                    break
                parts.append(part)
                offset, count = offset + len(part), count - len(part)
        return b"".join(parts)

    def time_at(self, offset: int) -> tuple[float | None, int]:
        """When the byte at `offset` came (to a second), and up to which offset the answer holds."""
        if self._fd >= 0 and self._stamp[0] and offset >= self._stamp[1]:
            return self._stamp[0] / 1000, self.end
        for segment in self._segments():
            if segment.base <= offset < segment.end:
                when, until = times.at(segment.path, offset)
                return when, segment.end if until is None else until
        return None, self.end

    def since(self, when: float) -> int:
        """An offset before which nothing came after `when`."""
        for segment in self._segments():
            offset = times.since(segment.path, when - 1.0)  # a record stands for up to a second
            if offset is not None:
                return offset
        return self.end

    def shown(self, position: int) -> None:
        """What was shown stays in the file."""

    def _segments(self) -> list[Segment]:
        current = Segment(self.path, self.base, self.end - self.base)
        if self._older is None or not self.is_open:
            self._older = [each for each in _older(self.path) if each.end <= current.base]
        return [*self._older, current]

    def _part(self, segment: Segment, offset: int, count: int) -> bytes:
        if segment.path == self.path and self._fd >= 0:
            return os.pread(self._fd, count, offset - segment.base)
        try:
            fd = os.open(segment.path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            self._older = None
            return b""
        try:
            return os.pread(fd, count, offset - segment.base)
        finally:
            os.close(fd)

    def _look(self) -> None:
        """Learn base and size of a file that nobody has open."""
        size = _size(self.path) or 0
        base = times.base(self.path)
        self._base = max(0, self._reached() - size) if base is None else base
        self.size = size


def _now() -> int:
    return time.time_ns() // 1_000_000


def _regular(found: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)


def _size(path: str) -> int | None:
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _rotated(path: str) -> list[tuple[str, int]]:
    """The rotated files with their sizes, oldest first. One number at most is free between them."""
    sizes: list[tuple[str, int]] = []
    missing, number = 0, 0
    while missing < 2:
        number += 1
        name = f"{path}.{number}"
        size = _size(name)
        if size is None:
            missing += 1
        else:
            missing = 0
            sizes.append((name, size))
    return sizes[::-1]


def _older(path: str) -> list[Segment]:
    """The same with their places in the stream."""
    segments: list[Segment] = []
    end = 0
    for name, size in _rotated(path):
        segments.append(Segment(name, max(times.base(name) or 0, end), size))
        end = segments[-1].end
    return segments


def _move(old: str, new: str) -> None:
    try:
        os.rename(old + times.SUFFIX, new + times.SUFFIX)
    except FileNotFoundError:
        _forget(new + times.SUFFIX)
    os.rename(old, new)


def _heal(path: str) -> None:
    """Finish what a killed rotation left: an index that went ahead of its file."""
    missing, number, name = 0, 0, path
    while missing < 2:
        number += 1
        following = f"{path}.{number}"
        if not os.path.lexists(following):
            missing += 1
            if os.path.lexists(following + times.SUFFIX):
                if os.path.lexists(name) and not os.path.lexists(name + times.SUFFIX):
                    os.rename(name, following)
                else:
                    _forget(following + times.SUFFIX)
        else:
            missing = 0
        name = following


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
