"""A log room for tests: real pipes, real files, a dict of descriptors for the keeper."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from hotclub.daemon.logs import Console, Logs
from hotclub.model.spec import Log, LogFormat


class Room:
    """What the daemon around the room would do."""

    def __init__(self, console: Console | None = None) -> None:
        self.held: dict[str, int] = {}
        self.troubles: list[tuple[str, str, int]] = []
        self.recoveries: list[tuple[str, int]] = []
        self.logs = self.boot(console)

    def boot(self, console: Console | None = None) -> Logs:
        return Logs(
            asyncio.get_running_loop(),
            hold=self._hold,
            release=self._release,
            on_trouble=lambda *what: self.troubles.append(what),
            on_recovery=lambda *what: self.recoveries.append(what),
            console=console,
        )

    def birth(self, log: Log, process: str = "web:1", stream: str = "out") -> tuple[int, asyncio.Future[None]]:
        """The write end of a new process's pipe, and what is done at its end."""
        read, write = os.pipe()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.logs.attach(process, stream, read, log, display=process, done=lambda: done.set_result(None))
        return write, done

    async def output(self, data: bytes, log: Log, process: str = "web:1") -> None:
        """A process that writes this and ends."""
        write, done = self.birth(log, process)
        await put(write, data)
        os.close(write)
        await done

    async def read(self, log: Log, *processes: str, **how: object) -> list[dict[str, object]]:
        wanted = [(process, log, process) for process in processes or ("web:1",)]
        return [line async for line in self.logs.read(wanted, **how)]  # type: ignore[arg-type]

    async def lines(self, log: Log, *processes: str, **how: object) -> list[object]:
        return [line["line"] for line in await self.read(log, *processes, **how)]

    def _hold(self, name: str, fd: int) -> None:
        if name in self.held:
            os.close(self.held[name])
        self.held[name] = os.dup(fd)

    def _release(self, names: list[str]) -> None:
        for name in names:
            os.close(self.held.pop(name))


@contextlib.asynccontextmanager
async def room(console: Console | None = None) -> AsyncIterator[Room]:
    made = Room(console)
    try:
        yield made
    finally:
        await made.logs.close()
        for fd in made.held.values():
            os.close(fd)


async def put(fd: int, data: bytes) -> None:
    """Write all of it, while the loop goes on."""
    await asyncio.get_running_loop().run_in_executor(None, _put, fd, data)


def _put(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


async def until(condition, seconds: float = 5.0) -> None:
    """Wait for a condition of the room, with a deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (files do not wake anybody)
            await asyncio.sleep(0.005)


def log_at(folder: object, format_: LogFormat = LogFormat.RAW, max_size: int = 10 << 20, total: int = 100 << 20) -> Log:
    return Log(file=f"{folder}/web.log", format=format_, max_size=max_size, total=total)


def content(path: str) -> bytes:
    """A log with its rotated files, oldest first."""
    numbers = sorted((int(name.rpartition(".")[2]) for name in _rotated(path)), reverse=True)
    parts = [*(f"{path}.{number}" for number in numbers), path]
    return b"".join(_bytes(part) for part in parts)


def _rotated(path: str) -> list[str]:
    folder, name = os.path.split(path)
    return [each for each in os.listdir(folder) if each.startswith(f"{name}.") and each[len(name) + 1 :].isdigit()]


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
