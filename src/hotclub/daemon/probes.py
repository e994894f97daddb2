"""Readiness: ask a process until it answers, or until its time is up.

A probe runs only while its process is starting, with growing pauses; once it has passed nothing is asked any more.
Commands are run by the keeper like everything else, under a token of their own (`probe:web:1#17:3`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urlsplit

from hotclub.daemon import births
from hotclub.daemon.link import Link
from hotclub.model import events
from hotclub.model.spec import Program, Readiness
from hotclub.wire import house

PREFIX = "probe:"
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0
ONE_TRY = 5.0  #: seconds that a single attempt may take


class Failed(Exception):
    """One attempt did not pass; the text says why."""


class Probes:
    """All probes under way, one task each."""

    def __init__(self, loop: asyncio.AbstractEventLoop, link: Link) -> None:
        self._loop = loop
        self._link = link
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._exits: dict[str, asyncio.Future[int]] = {}
        self._count = itertools.count(1)

    def begin(self, process: str, token: str, program: Program, answer: Callable[[events.Event], None]) -> None:
        """Ask until it passes, then answer Ready; after the probe's timeout answer Unready."""
        self.end(process)
        self._tasks[process] = self._loop.create_task(self._ask(process, token, program, answer))

    def end(self, process: str) -> None:
        """Stop asking."""
        task = self._tasks.pop(process, None)
        if task is not None:
            task.cancel()

    def exited(self, token: str, status: int) -> None:
        """The keeper's news about a probing command: it ended with this status."""
        self._link.send(house.Ack(token=token))
        future = self._exits.pop(token, None)
        if future is not None and not future.done():
            future.set_result(status)

    async def _ask(self, process: str, token: str, program: Program, answer: Callable[[events.Event], None]) -> None:
        assert program.ready is not None  # noqa: S101 - begin is for programs with a probe
        reason = ["no answer yet"]
        try:
            async with asyncio.timeout(program.ready.timeout):
                await self._until_it_passes(process, token, program, reason)
        except TimeoutError:
            self._tasks.pop(process, None)
            answer(events.Unready(token=token, reason=f"{reason[0]} within {program.ready.timeout:g} s"))
        else:
            self._tasks.pop(process, None)
            answer(events.Ready(token=token))

    async def _until_it_passes(self, process: str, token: str, program: Program, reason: list[str]) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async with asyncio.timeout(ONE_TRY):  # wait_for of Python 3.11 may swallow the outer cancellation
                    await self._attempt(process, token, program)
                return
            except TimeoutError:
                reason[0] = f"{describe(program)} did not answer"
            except (Failed, OSError, births.Unprepared) as wrong:
                reason[0] = f"{describe(program)}: {getattr(wrong, 'strerror', None) or wrong}"
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _attempt(self, process: str, token: str, program: Program) -> Awaitable[None]:
        match program.ready:
            case Readiness(tcp=(host, port)):
                return _tcp(host, port)
            case Readiness(http=str(url)):
                return _http(url)
            case _:
                return self._exec(process, token, program)

    async def _exec(self, process: str, token: str, program: Program) -> None:
        assert program.ready is not None and program.ready.exec is not None  # noqa: S101, PT018 - the last kind
        mine = f"{PREFIX}{token}:{next(self._count)}"
        future = self._exits[mine] = self._loop.create_future()
        command = replace(program, argv=program.ready.exec)
        self._link.send(house.Spawn(token=mine, **births.common(command, process)))
        try:
            status = await future
        except asyncio.CancelledError:
            self._exits.pop(mine, None)
            self._link.send(house.Signal(token=mine, signal=9, scope="tree"))
            raise
        if status != 0:
            raise Failed(f"exit status {status}")

    def unborn(self, token: str, stage: str, reason: str) -> None:
        """The keeper could not start a probing command."""
        future = self._exits.pop(token, None)
        if future is not None and not future.done():
            future.set_exception(Failed(f"{stage}: {reason}"))


def describe(program: Program) -> str:
    """The probe in a few words."""
    match program.ready:
        case Readiness(tcp=(host, port)):
            return f"tcp {host}:{port}"
        case Readiness(http=str(url)):
            return f"http {url}"
        case Readiness(exec=tuple(argv)):
            return f"exec {' '.join(argv)}"
        case _:
            return f"{program.start_seconds:g} s of running"


async def _tcp(host: str, port: int) -> None:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()


async def _http(url: str) -> None:
    """One GET over HTTP/1.0; redirects count as an answer."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname or "127.0.0.1", parts.port or 80)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\nUser-Agent: hotclub\r\n\r\n".encode())
        await writer.drain()
        line = await reader.readline()
    finally:
        writer.close()
    words = line.split()
    if len(words) < 2 or not words[1].isdigit():
        raise Failed("not an HTTP answer")
    if int(words[1]) >= 400:
        raise Failed(f"answered {int(words[1])}")
