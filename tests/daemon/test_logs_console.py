"""The merged stream on stdout, and a stdout that is slow, stopped or gone."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import socket
import time
from pathlib import Path

import pytest
from tests.daemon.logs_room import Room, content, log_at, room
from tests.daemon.test_logs_files import run

from hotclub.daemon.logs import Console, Logs
from hotclub.model.spec import Log, LogFormat


def console(fd: int, *, colour: bool | None = None) -> Console:
    return Console(asyncio.get_running_loop(), fd, colour=colour)


def lines(data: bytes) -> list[str]:
    found = data.decode("utf-8", "replace").replace("\r\n", "\n").splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in found), found
    return [line[9:] for line in found]


@pytest.mark.parametrize("file", ["raw", "text", "json", None])
def test_lines_with_time_and_name(tmp_path: Path, file: str | None) -> None:
    async def main() -> None:
        out = os.open(tmp_path / "stdout", os.O_RDWR | os.O_CREAT)
        os.write(out, b"")
        log = Log(file=None) if file is None else log_at(tmp_path, LogFormat(file))
        async with room(console(out)) as here:
            await here.output(b"one\ntwo\nunfinished", log)
            here.logs._console.say("a message\nof two lines")  # type: ignore[union-attr]
            await here.output(b"other\n", log, "tasks:2")
        shown = lines((tmp_path / "stdout").read_bytes())
        assert sorted(shown) == sorted(
            [
                "web:1   | one",
                "web:1   | two",
                "web:1   | unfinished",
                "hotclub | a message",
                "hotclub | of two lines",
                "tasks:2 | other",
            ]
        )
        os.close(out)

    run(main)


def test_json_without_a_file_stays_json(tmp_path: Path) -> None:
    async def main() -> None:
        out = os.open(tmp_path / "stdout", os.O_RDWR | os.O_CREAT)
        async with room(console(out)) as here:
            await here.output(b"one\n", Log(file=None, format=LogFormat.JSON))
        assert json.loads((tmp_path / "stdout").read_bytes())["message"] == "one"
        os.close(out)

    run(main)


def test_colours_only_on_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def shown() -> bytes:
        ours, theirs = pty.openpty()
        async with room(console(theirs)) as here:
            await here.output(b"one\n", log_at(tmp_path))
        data = os.read(ours, 10_000)
        os.close(ours)
        os.close(theirs)
        return data

    async def main() -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert b"\x1b[" in await shown()
        monkeypatch.setenv("NO_COLOR", "1")
        assert lines(await shown()) == ["web:1   | one"]

    run(main)


@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
def test_a_stuck_stdout_holds_up_nobody_and_hears_what_it_missed(tmp_path: Path, kind: str) -> None:
    async def main() -> None:
        if kind == "pipe":
            ours, out = os.pipe()
        elif kind == "socket":
            one, other = socket.socketpair()
            ours, out = one.detach(), other.detach()
        else:
            ours, out = pty.openpty()
        log, unfiled = log_at(tmp_path), Log(file=None)
        data = b"".join(b"%06d %s\n" % (n, b"x" * 90) for n in range(50_000))
        async with room(console(out, colour=False)) as here:
            await here.output(data, log)
            await here.output(data, unfiled, "db:1")
            assert os.get_blocking(out)
            for n in range(1200):
                here.logs._console.say(f"message {n}")  # type: ignore[union-attr]
            assert content(f"{tmp_path}/web.log") == data
            reader = asyncio.get_running_loop().run_in_executor(None, read_until, ours, b"done")
            await asyncio.sleep(0.3)
            here.logs._console.say("done")  # type: ignore[union-attr]
            shown = await reader
        assert re.search(rb"web:1 +\| \[\d+ bytes left out; the log file has it\]", shown)
        assert re.search(rb"db:1 +\| \[\d+ bytes left out\]", shown)
        assert b"messages were left out here" in shown
        assert shown.count(b"| 049999 ") == 2
        assert b"message 7" in shown
        os.close(ours)
        os.close(out)

    run(main)


def read_until(fd: int, end: bytes) -> bytes:
    data = b""
    while not data.rstrip().endswith(end):
        data += os.read(fd, 65536)
    return data


def test_nothing_is_left_out_where_stdout_is_all_there_is(tmp_path: Path) -> None:
    async def main() -> None:
        ours, out = os.pipe()
        data = b"".join(b"%06d %s\n" % (n, b"x" * 90) for n in range(50_000))
        reader = asyncio.get_running_loop().run_in_executor(None, read_until, ours, b"049999 " + b"x" * 90)
        async with room(console(out)) as here:
            await here.output(data, Log(file=None))
            shown = lines(await reader)
        assert [line[10:] for line in shown] == data.decode().splitlines()
        os.close(ours)
        os.close(out)

    run(main)


def test_a_stdout_that_goes_away(tmp_path: Path) -> None:
    async def main() -> None:
        ours, out = os.pipe()
        os.close(ours)
        log = log_at(tmp_path)
        async with room(console(out)) as here:
            for _ in range(3):
                await here.output(b"one\n", log)
                await here.output(b"one\n", Log(file=None), "db:1")
                here.logs._console.say("hello")  # type: ignore[union-attr]
                await asyncio.sleep(0)
        assert content(f"{tmp_path}/web.log") == b"one\n" * 3
        os.close(out)

    run(main)


def test_the_next_daemon_shows_what_the_last_one_had_not(tmp_path: Path) -> None:
    """For output without a file, nothing is lost on a stdout that was stuck when the daemon died."""

    async def first(tape: int, read: int, out: int) -> None:
        logs = Logs(
            asyncio.get_running_loop(),
            hold=lambda *_: None,
            release=lambda _: None,
            on_trouble=lambda *_: None,
            on_recovery=lambda *_: None,
            console=console(out),
        )
        logs.attach("db:1", "out", read, Log(file=None), display="db", staging=tape, done=lambda: None)
        await asyncio.sleep(0.1)

    async def second(tape: int, read: int, out: int) -> None:
        here = Room(console(out))
        done = asyncio.get_running_loop().create_future()
        here.logs.attach(
            "db:1", "out", read, Log(file=None), display="db", staging=tape, done=lambda: done.set_result(None)
        )
        await done
        await here.logs.close()

    read, write = os.pipe()
    ours, stuck = os.pipe()
    os.set_blocking(stuck, False)
    try:
        while os.write(stuck, b"#" * 4096):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(stuck, True)
    tape = os.memfd_create("stage")
    os.write(write, b"one\ntwo\n")
    child = os.fork()
    if child == 0:
        asyncio.run(first(os.dup(tape), os.dup(read), stuck))
        os.kill(os.getpid(), 9)
    assert os.waitpid(child, 0)[1] == 9
    os.write(write, b"three\n")
    os.close(write)
    out = os.open(tmp_path / "stdout", os.O_RDWR | os.O_CREAT)
    asyncio.run(second(tape, read, out))
    assert [line.split("| ")[1] for line in lines((tmp_path / "stdout").read_bytes())] == ["one", "two", "three"]
    for fd in (ours, stuck, out):
        os.close(fd)


def test_at_rest_nothing_wakes(tmp_path: Path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ours, out = os.pipe()
        async with room(console(out)) as here:
            writes = [here.birth(log_at(tmp_path / str(n), list(LogFormat)[n % 3]), f"web:{n}") for n in range(9)]
            for write, _ in writes:
                os.write(write, b"hello\n")
            shown = b""
            while shown.count(b"\n") < 9:
                shown += await loop.run_in_executor(None, os.read, ours, 65536)
            following = asyncio.ensure_future(here.read(log_at(tmp_path / "1"), follow=True))
            await asyncio.sleep(0.1)
            (_,) = [each for each in loop._scheduled if not each.cancelled()]  # type: ignore[attr-defined]
            before = time.process_time()
            await asyncio.sleep(0.5)
            assert time.process_time() - before < 0.01
            following.cancel()
            for write, done in writes:
                os.close(write)
                await done
        os.close(ours)
        os.close(out)

    run(main)
