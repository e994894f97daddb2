"""The room's door: what the rest of the daemon calls."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Sequence

from hotclub.daemon.logs.console import Console
from hotclub.daemon.logs.feed import Source
from hotclub.daemon.logs.file import LogFile
from hotclub.daemon.logs.reader import Origin, Reader
from hotclub.daemon.logs.recent import Recent
from hotclub.daemon.logs.shape import Shape
from hotclub.daemon.logs.sinks import LineSink, RawSink, RecentSink, Sink
from hotclub.daemon.logs.stream import Growth, Stream
from hotclub.daemon.logs.tape import Tape
from hotclub.daemon.logs.trouble import Trouble
from hotclub.model.spec import Log, LogFormat

_PATIENCE = 0.5

Key = tuple[str, str]  # process and stream


class Logs:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        hold: Callable[[str, int], None],
        release: Callable[[list[str]], None],
        on_trouble: Callable[[str, str, int], None],
        on_recovery: Callable[[str, int], None],
        console: Console | None,
    ) -> None:
        self._loop, self._console = loop, console
        self._hold, self._release = hold, release
        self._on_trouble, self._on_recovery = on_trouble, on_recovery
        self._growth = Growth()
        self._streams: dict[Key, tuple[Stream, Log]] = {}
        self._running: set[Stream] = set()  # those too whose process has been given another kind of log since
        self._tapes: dict[Key, Tape] = {}
        self._files: dict[str, LogFile] = {}
        self._recent: dict[Key, Recent] = {}
        self._troubles: dict[Key, Trouble] = {}

    def attach(
        self,
        process: str,
        stream: str,
        fd: int,
        log: Log,
        *,
        display: str,
        staging: int | None = None,
        done: Callable[[], None],
    ) -> None:
        """Take over a pipe's read end. `done` is called once, at its end, with everything written.

        Pipes of one process come in the order of their births. `staging` is the descriptor that was held under
        `stage:PROCESS:STREAM` when an earlier daemon left it.
        """
        key = (process, stream)
        known = self._streams.get(key)
        if known is None or (known[1].file, known[1].format) != (log.file, log.format):
            known = self._streams[key] = self._stream(key, log, display, staging), log
        elif staging is not None:
            self._spare(key, staging)
        known[0].attach(fd, done)

    def relimit(self, process: str, log: Log) -> None:
        """New sizes for the files of a process."""
        for stream in ("out", "err"):
            path = self.path(process, stream, log)
            if path is not None and path in self._files:
                self._files[path].max_size, self._files[path].total = log.max_size, log.total

    @staticmethod
    def path(process: str, stream: str, log: Log) -> str | None:
        """`web.log`, `web-2.log`, and with an own stderr `web.err.log`, `web-2.err.log`."""
        if log.file is None:
            return None
        root, suffix = os.path.splitext(log.file)
        copy = process.rpartition(":")[2]
        number = f"-{copy}" if copy != "1" else ""
        error = ".err" if stream == "err" and log.separate_stderr else ""
        return f"{root}{number}{error}{suffix}"

    async def read(
        self,
        wanted: Sequence[tuple[str, Log, str]],
        *,
        tail: int | None = None,
        since: float | None = None,
        grep: str | None = None,
        cursor: str | None = None,
        follow: bool = False,
    ) -> AsyncIterator[dict[str, object]]:
        """Lines of these processes, merged by time, and with `follow` those that are still to come.

        Each is `{"time", "process", "name", "stream", "line", "cursor"}`; its cursor is the place behind it, in all the
        streams together. Raises ValueError for a bad `grep` or `cursor`.
        """
        origins = [origin for process, log, display in wanted for origin in self._origins(process, log, display)]
        known = {id(origin.source): origin for origin in reversed(origins)}  # programs may share a file
        reader = Reader(list(reversed(known.values())), grep=grep, cursor=cursor)
        async for line in reader.lines(tail=tail, since=since, follow=follow):
            yield line

    async def close(self) -> None:
        """Write what is in the pipes, for at most a moment, and let go of everything."""
        deadline = self._loop.time() + _PATIENCE
        busy = True
        while busy and self._loop.time() < deadline:
            busy = sum(stream.drain() for stream in tuple(self._running)) > 0
            await asyncio.sleep(0)
        for stream in self._running:
            stream.close()
        self._running.clear()
        self._streams.clear()
        if self._console is not None:
            await self._console.close()
        for file in self._files.values():
            file.close()
        for recent in self._recent.values():
            recent.tape.close()

    def _stream(self, key: Key, log: Log, display: str, staging: int | None) -> Stream:
        shape = Shape(log.format, key[0], display, key[1])
        sink = self._sink(key, log, shape, staging)
        stream = Stream(self._loop, sink, self._growth, sink.source.tell, functools.partial(self._over, key))
        self._running.add(stream)
        if self._console is not None:
            source = sink.source
            start = source.tape.consumed if isinstance(source, Recent) else source.end
            self._console.show(source, shape, start, has_file=log.file is not None)
        return stream

    def _sink(self, key: Key, log: Log, shape: Shape, staging: int | None) -> Sink:
        path = self.path(*key, log)
        if path is None:
            return RecentSink(self._recent_of(key, staging), self._console)
        file, trouble = self._file(path, log), self._trouble(key)
        if log.format is LogFormat.RAW:
            if staging is not None:
                self._spare(key, staging)
            return RawSink(file, trouble)
        tape = self._tape(key, staging)
        return LineSink(file, tape, shape, trouble, functools.partial(self._retire, key, tape))

    def _file(self, path: str, log: Log) -> LogFile:
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = LogFile(path, log.max_size, log.total)
        return file

    def _tape(self, key: Key, staging: int | None) -> Tape:
        if staging is not None:
            tape = Tape(staging)
        else:
            tape = Tape.new(_stage(key))
            self._hold(_stage(key), tape.fd)
        self._tapes[key] = tape
        return tape

    def _recent_of(self, key: Key, staging: int | None) -> Recent:
        recent = self._recent.get(key)
        if recent is None:
            recent = self._recent[key] = Recent(self._tape(key, staging))
        elif staging is not None:
            self._spare(key, staging)
        return recent

    def _trouble(self, key: Key) -> Trouble:
        trouble = self._troubles.get(key)
        if trouble is None:
            told = functools.partial(self._on_trouble, key[0])
            trouble = self._troubles[key] = Trouble(told, functools.partial(self._on_recovery, key[0]))
        return trouble

    def _spare(self, key: Key, staging: int) -> None:
        """A tape that is not needed (given twice, or the format is another one now) is let go."""
        tape = self._tapes.get(key)
        if tape is None or tape.fd != staging:
            os.close(staging)

    def _retire(self, key: Key, tape: Tape) -> None:
        if self._tapes.get(key) is tape:
            del self._tapes[key]
            self._release([_stage(key)])

    def _over(self, key: Key, stream: Stream) -> None:
        """The last pipe of a stream ended."""
        self._running.discard(stream)
        if key in self._streams and self._streams[key][0] is stream:
            del self._streams[key]
        source = stream.sink.source
        if isinstance(source, LogFile) and not source.live:
            source.close()

    def _origins(self, process: str, log: Log, display: str) -> list[Origin]:
        origins = []
        for stream in ("out", "err") if log.separate_stderr else ("out",):
            path = self.path(process, stream, log)
            source: Source = self._recent_of((process, stream), None) if path is None else self._file(path, log)
            format_ = LogFormat.RAW if path is None else log.format
            origins.append(Origin(process, display, stream, format_, source))
        return origins


def _stage(key: Key) -> str:
    return f"stage:{key[0]}:{key[1]}"
