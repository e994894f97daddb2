"""Reading logs: merged, from a place or a time on, followed through rotations and restarts."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from pathlib import Path

import pytest
from tests.daemon.logs_room import Room, log_at, put, room
from tests.daemon.test_logs_files import run

from hotclub.model.spec import Log, LogFormat


def numbered(first: int, last: int, width: int = 40) -> bytes:
    return b"".join(b"%d %s\n" % (n, b"x" * width) for n in range(first, last))


def numbers(lines: list[dict[str, object]]) -> list[int]:
    return [int(str(line["line"]).split()[0]) for line in lines]


async def follow(here: Room, log: Log, count: int, **how: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    stream = here.logs.read([("web:1", log, "web")], follow=True, **how)  # type: ignore[arg-type]
    async for line in stream:
        found.append(line)
        if len(found) == count:
            break
    await stream.aclose()  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("format_", list(LogFormat))
def test_tail_and_grep(tmp_path: Path, format_: LogFormat) -> None:
    async def main() -> None:
        log = log_at(tmp_path, format_, max_size=50_000)
        async with room() as here:
            await here.output(numbered(0, 5000), log)
            assert numbers(await here.read(log, tail=3)) == [4997, 4998, 4999]
            assert numbers(await here.read(log, tail=2000)) == list(range(3000, 5000))
            assert await here.read(log, tail=0) == []
            assert numbers(await here.read(log, tail=2, grep=r"^\d*00 ")) == [4800, 4900]
            assert numbers(await here.read(log, grep=r"^\d+000 ")) == [1000, 2000, 3000, 4000]
            with pytest.raises(ValueError, match="not a regular expression"):
                await here.read(log, grep="(")
            with pytest.raises(ValueError, match="not a cursor"):
                await here.read(log, cursor="web:1.out=x")

    run(main)


@pytest.mark.parametrize("format_", list(LogFormat))
def test_every_cursor_resumes_exactly(tmp_path: Path, format_: LogFormat) -> None:
    async def main() -> None:
        log = log_at(tmp_path, format_, max_size=3000)
        async with room() as here:
            await here.output(numbered(0, 200) + b"\n\nlast", log)
            whole = await here.read(log)
        async with room() as here:  # the next daemon, after a restart of everything
            for number, line in enumerate(whole):
                rest = await here.read(log, cursor=str(line["cursor"]))
                assert rest == whole[number + 1 :]

    run(main)


def test_several_streams_by_time_with_one_cursor(tmp_path: Path) -> None:
    async def main() -> None:
        log = log_at(tmp_path, LogFormat.TEXT)
        async with room() as here:
            for n in range(30):
                await here.output(numbered(n, n + 1), log, f"web:{n % 3 + 1}")
                await asyncio.sleep(0.002)
            who = ("web:1", "web:2", "web:3")
            whole = await here.read(log, *who)
            assert numbers(whole) == list(range(30))
            assert numbers(await here.read(log, *who, tail=5)) == list(range(25, 30))
            for number, line in enumerate(await here.read(log, *who, tail=5)):
                assert numbers(await here.read(log, *who, cursor=line["cursor"])) == list(range(26 + number, 30))

    run(main)


@pytest.mark.parametrize("format_", list(LogFormat))
def test_follow_through_rotations_and_births(tmp_path: Path, format_: LogFormat) -> None:
    async def main() -> None:
        log = log_at(tmp_path, format_, max_size=20_000, total=1 << 30)
        async with room() as here:
            following = asyncio.ensure_future(follow(here, log, 3000))
            for first in range(0, 3000, 500):
                await here.output(numbered(first, first + 500), log)
            assert numbers(await following) == list(range(3000))

    run(main)


def test_follow_after_a_tail_of_nothing_and_before_anything_was_written(tmp_path: Path) -> None:
    async def main() -> None:
        log = log_at(tmp_path)
        async with room() as here:
            early = asyncio.ensure_future(follow(here, log, 2, tail=10))
            await asyncio.sleep(0)
            await here.output(b"one\ntwo\n", log)
            assert [line["line"] for line in await early] == ["one", "two"]
            late = asyncio.ensure_future(follow(here, log, 1, tail=0))
            await asyncio.sleep(0.02)
            write, done = here.birth(log)
            await put(write, b"thr")
            await asyncio.sleep(0.02)
            await put(write, b"ee\n")
            assert [line["line"] for line in await late] == ["three"]
            os.close(write)
            await done

    run(main)


def test_a_slow_reader_learns_what_it_missed(tmp_path: Path) -> None:
    async def main() -> None:
        log = log_at(tmp_path, max_size=100_000, total=300_000)
        async with room() as here:
            await here.output(numbered(0, 100), log)
            stream = here.logs.read([("web:1", log, "web")], follow=True)
            found = [await anext(stream)]
            await here.output(numbered(100, 50_000), log)
            async with asyncio.timeout(10):
                while not str(found[-1]["line"]).startswith("49999 "):
                    found.append(await anext(stream))
            await stream.aclose()  # type: ignore[attr-defined]
            (note,) = [
                n for n, line in enumerate(found) if "were rotated away before they were read" in str(line["line"])
            ]
            assert numbers(found[:note]) == list(range(100))
            assert numbers(found[note + 1 :]) == list(range(50_000 - len(found) + note + 1, 50_000))

    run(main)


@pytest.mark.parametrize("format_", list(LogFormat))
def test_since(tmp_path: Path, format_: LogFormat) -> None:
    async def main() -> None:
        log = log_at(tmp_path, format_)
        async with room() as here:
            await here.output(b"early\n", log)
            between = time.time() + 1.1
            await asyncio.sleep(2.2)
            await here.output(b"late\n", log)
            assert await here.lines(log, since=between) == ["late"]
            assert await here.lines(log, since=between - 3) == ["early", "late"]
            assert await here.lines(log, since=between + 10) == []
            early, late = await here.read(log)
            assert 2.0 < float(str(late["time"])) - float(str(early["time"])) < 4.0

    run(main)


def test_a_torn_index_does_no_harm(tmp_path: Path) -> None:
    async def main() -> None:
        log = log_at(tmp_path)
        async with room() as here:
            await here.output(b"one\n", log)
        index = os.open(tmp_path / "web.log.times", os.O_WRONLY | os.O_APPEND)
        os.write(index, struct.pack("<Q", 5)[:7])
        os.close(index)
        async with room() as here:
            await here.output(b"two\n", log)
            assert await here.lines(log) == ["one", "two"]
        os.unlink(tmp_path / "web.log.times")
        async with room() as here:
            await here.output(b"three\n", log)
            assert await here.lines(log) == ["one", "two", "three"]

    run(main)


def test_without_a_file_the_last_output_can_still_be_read(tmp_path: Path) -> None:
    async def main() -> None:
        log = Log(file=None)
        async with room() as here:
            await here.output(b"\none\ntwo", log)
            await here.output(b"three\n", log)
            assert await here.lines(log) == ["", "one", "two", "three"]
            assert await here.lines(log, tail=1) == ["three"]
            following = asyncio.ensure_future(follow(here, log, 1, tail=0))
            await asyncio.sleep(0)
            await here.output(b"four\n", log)
            assert [line["line"] for line in await following] == ["four"]
            await here.output(numbered(0, 100_000), log)
            recent = await here.read(log)
            assert numbers(recent) == list(range(100_000 - len(recent), 100_000))
            assert 500 < len(recent) < 3000
            assert os.fstat(here.held["stage:web:1:out"]).st_blocks * 512 < 1 << 20

    run(main)
