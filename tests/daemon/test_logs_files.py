"""What ends up in the files: formats, rotation, and what a killed rotation leaves."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from tests.daemon.logs_room import content, log_at, put, room, until

from hotclub.daemon.logs import Logs, times
from hotclub.daemon.logs.file import LogFile
from hotclub.model.spec import Log, LogFormat

ODD = b"plain\n\xff\xfe broken\nnul \0 here\n\nlast without end"


def run(main) -> None:
    import asyncio

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await main()

    asyncio.run(bounded())


def test_raw_is_byte_for_byte(tmp_path: Path) -> None:
    async def main() -> None:
        async with room() as here:
            await here.output(ODD, log_at(tmp_path / "new" / "folder"))
        assert content(f"{tmp_path}/new/folder/web.log") == ODD
        assert os.stat(tmp_path / "new/folder/web.log").st_mode & 0o777 == 0o640

    run(main)


def test_text_has_time_and_name_and_keeps_the_bytes(tmp_path: Path) -> None:
    async def main() -> None:
        async with room() as here:
            await here.output(ODD, log_at(tmp_path, LogFormat.TEXT), "web:2")
            assert here.held == {}
        lines = content(f"{tmp_path}/web-2.log").split(b"\n")
        assert lines.pop() == b""
        assert [line.partition(b" | ")[2] for line in lines] == ODD.split(b"\n")
        assert all(re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d web:2 \| ", line) for line in lines)

    run(main)


def test_json_is_one_object_per_line_and_always_valid(tmp_path: Path) -> None:
    async def main() -> None:
        async with room() as here:
            await here.output(ODD, log_at(tmp_path, LogFormat.JSON))
        found = [json.loads(line) for line in content(f"{tmp_path}/web.log").splitlines()]
        assert [line["message"] for line in found] == ODD.decode("utf-8", "replace").split("\n")
        assert {(line["process"], line["stream"]) for line in found} == {("web:1", "out")}

    run(main)


@pytest.mark.parametrize("format_", list(LogFormat))
def test_no_output_leaves_no_file_and_is_done(tmp_path: Path, format_: LogFormat) -> None:
    async def main() -> None:
        async with room() as here:
            await here.output(b"", log_at(tmp_path, format_))
        assert os.listdir(tmp_path) == []

    run(main)


@pytest.mark.parametrize("format_", list(LogFormat))
def test_a_line_of_a_megabyte_stays_one_line(tmp_path: Path, format_: LogFormat) -> None:
    async def main() -> None:
        log, line = log_at(tmp_path, format_), "y" * 1_000_000
        async with room() as here:
            await here.output(f"before\n{line}\nafter\n".encode(), log)
            assert await here.lines(log) == ["before", line, "after"]
            await here.output(b"z" * 3_000_000, log)
            found = [str(each) for each in await here.lines(log)][3:]
            assert "".join(found) == "z" * 3_000_000

    run(main)


@pytest.mark.parametrize("format_", list(LogFormat))
def test_births_never_share_a_line(tmp_path: Path, format_: LogFormat) -> None:
    async def main() -> None:
        log = log_at(tmp_path, format_)
        async with room() as here:
            await here.output(b"first died he", log)
            await here.output(b"second\n", log)
            old, old_done = here.birth(log)
            os.write(old, b"third, 1\nthird, unfi")
            young, young_done = here.birth(log)
            os.write(young, b"fourth\n")
            await until(lambda: b"fourth" in content(f"{tmp_path}/web.log"))
            os.write(old, b"third, 2\n")
            os.close(old)
            os.close(young)
            await old_done
            await young_done
            assert await here.lines(log) == ["first died he", "second", "third, 1", "third, unfi", "fourth", "third, 2"]

    run(main)


def test_a_line_unfinished_at_the_end_of_everything_is_finished_by_the_next_start(tmp_path: Path) -> None:
    async def main() -> None:
        log = log_at(tmp_path)
        async with room() as here:
            await here.output(b"no end", log)
        assert content(f"{tmp_path}/web.log") == b"no end"
        async with room() as here:
            await here.output(b"next\n", log)
        assert content(f"{tmp_path}/web.log") == b"no end\nnext\n"

    run(main)


@pytest.mark.parametrize("format_", list(LogFormat))
def test_rotation_cuts_at_lines_and_keeps_to_the_total(tmp_path: Path, format_: LogFormat) -> None:
    async def main() -> None:
        log = log_at(tmp_path, format_, max_size=100_000, total=350_000)
        data = b"".join(b"%06d %s\n" % (n, b"x" * 60) for n in range(20_000))
        async with room() as here:
            await here.output(data, log)
            found = [int(str(line).split()[0]) for line in await here.lines(log)]
        assert found == list(range(found[0], 20_000))
        files = sorted(name for name in os.listdir(tmp_path) if not name.endswith(times.SUFFIX))
        assert len(files) in {3, 4}
        assert sum(os.stat(tmp_path / name).st_size for name in files) <= 350_000
        for name in files:
            assert (tmp_path / name).read_bytes().endswith(b"\n")
            assert (tmp_path / f"{name}{times.SUFFIX}").exists()
            assert os.stat(tmp_path / name).st_size <= 100_200

    run(main)


def test_a_raw_file_without_newlines_is_cut_anyway(tmp_path: Path) -> None:
    async def main() -> None:
        data = os.urandom(1_000_000).replace(b"\n", b"x")
        async with room() as here:
            await here.output(data, log_at(tmp_path, max_size=100_000))
        assert content(f"{tmp_path}/web.log") == data
        assert os.stat(tmp_path / "web.log.1").st_size == 100_000 + 64 * 1024

    run(main)


def test_sizes_change_live(tmp_path: Path) -> None:
    async def main() -> None:
        async with room() as here:
            write, done = here.birth(log_at(tmp_path))
            await put(write, b"x" * 999 + b"\n")
            here.logs.relimit("web:1", log_at(tmp_path, max_size=1000, total=5000))
            await until((tmp_path / "web.log").exists)
            for _ in range(3):
                await put(write, b"y" * 999 + b"\n")
            os.close(write)
            await done
        assert (tmp_path / "web.log.3").exists()

    run(main)


def test_another_kind_of_log_from_the_next_birth_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with room() as here:
            old, old_done = here.birth(log_at(tmp_path))
            os.write(old, b"raw\n")
            await until((tmp_path / "web.log").exists)
            young, young_done = here.birth(log_at(tmp_path, LogFormat.JSON))
            os.write(young, b"json\n")
            os.close(young)
            await young_done
            os.close(old)
            await old_done
        first, second = content(f"{tmp_path}/web.log").splitlines()
        assert first == b"raw"
        assert json.loads(second)["message"] == "json"

    run(main)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", range(1, 9))
def test_a_kill_between_any_two_renames_heals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    path = str(tmp_path / "web.log")
    written = b""

    def add(file: LogFile, text: bytes) -> None:
        nonlocal written
        file.prepare()
        file.write(text)
        written += text

    file = LogFile(path, 10, 0)
    for text in (b"one\n", b"two\n", b"three\n"):
        add(file, text)
        file.rotate()
    add(file, b"four\n")
    calls, rename = 0, os.rename

    def dying(old: str, new: str) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise Killed
        rename(old, new)

    monkeypatch.setattr(os, "rename", dying)
    try:
        file.rotate()
    except Killed:
        assert after < 8
    monkeypatch.undo()
    file.close()

    again = LogFile(path, 10, 0)
    add(again, b"five\n")
    again.rotate()
    add(again, b"six\n")
    assert content(path) == written
    assert again.nearest(0) == 0
    assert again.end == len(written)
    assert again.read(0, 1000) == written
    again.close()
    names = set(os.listdir(tmp_path))
    assert {name + times.SUFFIX for name in names if not name.endswith(times.SUFFIX)} <= names


@pytest.mark.parametrize("how", ["moved", "removed", "emptied", "folder"])
def test_somebody_else_moves_the_file(tmp_path: Path, how: str) -> None:
    async def main() -> None:
        folder = tmp_path / "logs"
        log = log_at(folder)
        async with room() as here:
            write, done = here.birth(log)
            os.write(write, b"before\n")
            await until(lambda: (folder / "web.log").exists() and content(f"{folder}/web.log") == b"before\n")
            if how == "moved":
                os.rename(folder / "web.log", folder / "saved")
            elif how == "removed":
                os.unlink(folder / "web.log")
            elif how == "emptied":
                os.truncate(folder / "web.log", 0)
            else:
                os.rename(folder, tmp_path / "elsewhere")
            os.write(write, b"after\n")
            os.close(write)
            await done
            assert content(f"{folder}/web.log") == b"after\n"
            found = await here.read(log)
            assert [(line["line"], line["cursor"]) for line in found] == [("after", "web:1.out=13")]

    run(main)


def test_paths() -> None:
    log, both = Log(file="/x/web.log"), Log(file="/x/web.log", separate_stderr=True)
    assert Logs.path("web:1", "out", log) == "/x/web.log"
    assert Logs.path("web:1", "err", log) == "/x/web.log"
    assert Logs.path("web:3", "out", log) == "/x/web-3.log"
    assert Logs.path("web:1", "err", both) == "/x/web.err.log"
    assert Logs.path("web:3", "err", both) == "/x/web-3.err.log"
    assert Logs.path("web:3", "err", Log(file=None)) is None
