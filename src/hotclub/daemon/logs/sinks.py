"""Where the bytes of a stream go: the three ways from a pipe to its end.

`pump` does a bounded amount of work and returns how many bytes left the pipe, 0 at its end; like `splice` it
raises BlockingIOError when nothing is waiting. `boundary` comes between the bytes of two births, `finish` at the
end of one. `pause` asks whether to read no more until `resume` is called. A full disk is no error here: see `trouble`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from hotclub.daemon.logs.console import Console
from hotclub.daemon.logs.feed import Source
from hotclub.daemon.logs.file import LogFile
from hotclub.daemon.logs.recent import Recent
from hotclub.daemon.logs.shape import Shape
from hotclub.daemon.logs.tape import START, Tape
from hotclub.daemon.logs.trouble import Trouble
from hotclub.posix.splice import hung_up, peek, waiting

_TURN = 1024 * 1024  # bytes in one turn, raw
_LINES = 256 * 1024  # the same, where lines are looked at
_NEAR = 64 * 1024  # so far behind its limit a raw file may end, to end with a line
_LONGEST = 1024 * 1024  # an unfinished line that grows longer is written in pieces


class Sink(Protocol):
    @property
    def source(self) -> Source: ...
    def pump(self, pipe: int) -> int: ...
    def pause(self, resume: Callable[[], None]) -> bool: ...
    def boundary(self) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


class RawSink:
    """From the pipe into the file, untouched and unseen."""

    def __init__(self, file: LogFile, trouble: Trouble) -> None:
        self.source = file
        self._trouble = trouble

    def pump(self, pipe: int) -> int:
        trouble, file = self._trouble, self.source
        flowing = file.is_open and file.ended is None and not trouble.reason
        if not flowing and not _anything(pipe):  # a pipe that ends without a byte makes no file and no line
            return 0
        if trouble.resting:
            return trouble.discard(pipe)
        try:
            file.prepare()
            if trouble.reason:
                file.finish_line()
                file.write(trouble.note())
                trouble.over()
            return self._move(pipe)
        except BlockingIOError:
            raise
        except OSError as error:
            trouble.failed(error, file.path)
            return trouble.discard(pipe)

    def pause(self, resume: Callable[[], None]) -> bool:  # noqa: ARG002 (files are always ready)
        return False

    def _move(self, pipe: int) -> int:
        file = self.source
        if not file.max_size:
            return file.take(pipe, _TURN)
        room = file.max_size - file.size
        if room > 0:
            return file.take(pipe, min(room, _TURN))
        count = self._rest_of_line(pipe, _NEAR + room)
        if count:
            return file.take(pipe, count)
        file.rotate()
        return file.take(pipe, min(file.max_size, _TURN))

    def _rest_of_line(self, pipe: int, count: int) -> int:
        """How many bytes to move before the file is rotated: to the end of the line, when that is near."""
        if count <= 0 or not self.source.in_line():
            return 0
        ahead = peek(pipe, count)
        return ahead.find(b"\n") + 1 or len(ahead)

    def boundary(self) -> None:
        if self.source.is_open and not self._trouble.reason:
            self._attempt(self.source.finish_line)

    def finish(self) -> None:
        if self.source.is_open:
            self._attempt(self.source.mark_end)

    def close(self) -> None:
        """The file closes itself with its last stream."""

    def _attempt(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._trouble.failed(error, self.source.path)
            self._trouble.drop(0)


class LineSink:
    """Onto a tape, and from there line by line, with time and name, into the file."""

    def __init__(self, file: LogFile, tape: Tape, shape: Shape, trouble: Trouble, retire: Callable[[], None]) -> None:
        self.source = file
        self._tape, self._shape, self._trouble, self._retire = tape, shape, trouble, retire
        self._seen = tape.consumed  # there is no newline between the consumed part and this offset
        if tape.interrupted is not None:
            self._take_back(tape.interrupted)
        self._settle(final=False)

    def pump(self, pipe: int) -> int:
        if not _anything(pipe):
            return 0
        try:
            moved = self._tape.take(pipe, _LINES)
        except BlockingIOError:
            raise
        except OSError as error:  # no memory for the tape
            self._trouble.failed(error, self.source.path)
            return self._trouble.discard(pipe)
        self._settle(final=False)
        return moved

    def pause(self, resume: Callable[[], None]) -> bool:  # noqa: ARG002 (files are always ready)
        return False

    def boundary(self) -> None:
        self._settle(final=True)

    finish = boundary

    def close(self) -> None:
        self._tape.close()
        self._retire()

    def _settle(self, *, final: bool) -> None:
        """Write what is complete."""
        tape = self._tape
        block = tape.read(tape.consumed, tape.end - tape.consumed)
        cut = block.rfind(b"\n", self._seen - tape.consumed) + 1
        self._seen = tape.end
        if cut < len(block) and (final or len(block) - cut > _LONGEST):
            cut, block = len(block) + 1, block + b"\n"
        if cut:
            self._write(block[:cut])

    def _write(self, block: bytes) -> None:
        tape, file, trouble = self._tape, self.source, self._trouble
        if not trouble.resting:
            try:
                file.prepare()
                if trouble.reason:
                    file.write(self._shape.render(trouble.note(), time.time()))
                    trouble.over()
                self._append(block)
                return
            except OSError as error:
                trouble.failed(error, file.path)
        lost = tape.end - tape.consumed
        tape.commit(tape.end)
        self._seen = tape.end
        trouble.drop(lost)

    def _append(self, block: bytes) -> None:
        file, now = self.source, time.time()
        text = self._shape.render(block, now)
        if not file.max_size or file.size + len(text) <= file.max_size:
            self._put(text, len(block))
            return
        while block:
            part = self._fitting(block, now)
            text = self._shape.render(part, now)
            if file.size and file.size + len(text) > file.max_size:
                file.rotate()
                continue
            self._put(text, len(part))
            block = block[len(part) :]

    def _fitting(self, block: bytes, now: float) -> bytes:
        """The lines at its beginning that the file has room for, at least one."""
        room = self.source.max_size - self.source.size
        per_line = len(self._shape.render(b"\n", now))
        cut = block.find(b"\n") + 1
        taken = cut + per_line
        while cut < len(block):
            following = block.find(b"\n", cut) + 1
            taken += following - cut + per_line
            if taken > room:
                break
            cut = following
        return block[:cut]

    def _put(self, text: bytes, count: int) -> None:
        tape = self._tape
        tape.begin(self.source.end)
        self.source.write(text)
        tape.commit(min(tape.consumed + count, tape.end))  # a newline of ours was never on the tape

    def _take_back(self, offset: int) -> None:
        try:
            self.source.ensure()
            self.source.cut(offset)
            self._tape.commit(self._tape.consumed)
        except OSError as error:
            self._trouble.failed(error, self.source.path)
            self._trouble.drop(0)


class RecentSink:
    """Onto a tape, where the console finds it. There is no file."""

    def __init__(self, recent: Recent, console: Console | None) -> None:
        self.source = recent
        self._console = console

    def pump(self, pipe: int) -> int:
        self.source.stamp()
        moved = self.source.tape.take(pipe, _LINES)
        if self._console is None:
            self.source.shown(self.source.end)
        return moved

    def pause(self, resume: Callable[[], None]) -> bool:
        if self._console is None or self.source.unseen <= _LINES:
            return False
        self._console.catch_up()
        return self.source.unseen > _LINES and self._console.slow_down(resume)

    def boundary(self) -> None:
        """A line that was left unfinished is finished by a newline of ours, on the tape only."""
        tape = self.source.tape
        if tape.end > START and tape.read(tape.end - 1, 1) != b"\n":
            tape.append(b"\n")

    finish = boundary

    def close(self) -> None:
        """The tape stays, for who asks what there was."""


def _anything(pipe: int) -> bool:
    """False at the end of the pipe; raises BlockingIOError when more may come."""
    ended = hung_up(pipe)
    if waiting(pipe):
        return True
    if ended:
        return False
    raise BlockingIOError
