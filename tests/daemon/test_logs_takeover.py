"""What a new daemon does with the pipes and tapes that the keeper gives it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from tests.daemon.logs_room import Room, content, log_at, put, room, until
from tests.daemon.test_logs_files import run

from hotclub.daemon.logs.tape import START, Tape
from hotclub.model.spec import LogFormat


def take_over(here: Room, read: int, staging: int, log, ended: list[int]) -> None:
    here.held.setdefault("stage:web:1:out", os.dup(staging))
    here.logs.attach("web:1", "out", read, log, display="web", staging=staging, done=lambda: ended.append(read))


def test_a_write_under_way_is_taken_back_and_done_again(tmp_path: Path) -> None:
    async def main() -> None:
        log = log_at(tmp_path, LogFormat.TEXT)
        async with room() as here:
            await here.output(b"one\n", log)
        whole = content(f"{tmp_path}/web.log")
        left = os.memfd_create("stage")
        tape = Tape(left)
        tape.append(b"two\nthr")
        tape.begin(len(whole))
        with_half = os.open(tmp_path / "web.log", os.O_WRONLY | os.O_APPEND)
        os.write(with_half, b"2026-01-01T00:00:00.000+00:00 web | tw")
        os.close(with_half)
        read, write = os.pipe()
        os.write(write, b"ee\n")
        os.close(write)
        ended: list[int] = []
        async with room() as here:
            take_over(here, read, left, log, ended)
            await until(lambda: ended == [read])
            assert await here.lines(log) == ["one", "two", "three"]

    run(main)


def test_the_pipes_of_two_births_share_one_tape(tmp_path: Path) -> None:
    async def main() -> None:
        log, left = log_at(tmp_path, LogFormat.JSON), os.memfd_create("stage")
        ended: list[int] = []
        pipes = [os.pipe(), os.pipe()]
        os.write(pipes[0][1], b"old, unfi")
        os.write(pipes[1][1], b"young\n")
        async with room() as here:
            for read, write in pipes:
                take_over(here, read, left, log, ended)
                os.close(write)
            await until(lambda: len(ended) == 2)
            assert await here.lines(log) == ["old, unfi", "young"]

    run(main)


@pytest.mark.parametrize("consumed", [START + 5, START + 3_000_000])
def test_a_tape_remembers_and_gives_memory_back(consumed: int) -> None:
    fd = os.memfd_create("stage")
    tape = Tape(os.dup(fd))
    for _ in range(50):
        tape.append(b"x" * 100_000)
    tape.begin(77)
    assert Tape(os.dup(fd)).interrupted == 77
    tape.commit(consumed)
    again = Tape(fd)
    assert (again.consumed, again.end, again.interrupted) == (consumed, START + 5_000_000, None)
    assert os.fstat(fd).st_blocks * 512 <= 5_000_000 - (consumed - START) + 3 * START
    assert again.read(consumed, 3) == b"xxx"
    again.close()


def test_a_busy_pipe_grows(tmp_path: Path) -> None:
    async def main() -> None:
        async with room() as here:
            write, done = here.birth(log_at(tmp_path))
            before = fcntl.fcntl(write, fcntl.F_GETPIPE_SZ)
            await put(write, b"x" * 10_000_000)
            after = fcntl.fcntl(write, fcntl.F_GETPIPE_SZ)
            assert after > before or os.geteuid() != 0
            os.close(write)
            await done

    run(main)
