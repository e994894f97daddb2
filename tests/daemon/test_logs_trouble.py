"""A disk that is full, a folder that may not be written, a symbolic link: the service goes on, the loss is counted."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.daemon.logs_room import content, log_at, put, room, until
from tests.daemon.test_logs_files import run

from hotclub.daemon.logs import trouble
from hotclub.model.spec import LogFormat

FULL = 3_000_000


@pytest.fixture
def small(tmp_path: Path):
    """A file system of 1 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "_RETRY", 0.05)


@pytest.mark.parametrize("format_", list(LogFormat))
def test_a_full_disk(small: Path, format_: LogFormat) -> None:
    async def main() -> None:
        log = log_at(small, format_)
        async with room() as here:
            write, done = here.birth(log)
            await put(write, (b"x" * 99 + b"\n") * (FULL // 100))
            await until(lambda: bool(here.troubles) and here.troubles[-1][2] > FULL // 4)
            assert "No space left" in here.troubles[0][1]
            assert len(here.troubles) < 30
            assert here.recoveries == []
            os.truncate(small / "web.log", 0)
            await asyncio.sleep(0.06)
            await put(write, b"hello again\n")
            await until(lambda: bool(here.recoveries))
            os.close(write)
            await done
            process, dropped = here.recoveries[0]
            assert process == "web:1"
            lines = await here.lines(log)
            assert f"{dropped} bytes of output are missing here" in str(lines[-2])
            assert lines[-1] == "hello again"

    run(main)


@pytest.mark.parametrize("format_", list(LogFormat))
def test_what_is_there_and_what_is_missing_is_everything(tmp_path: Path, format_: LogFormat) -> None:
    """In a process of its own, which may write no file longer than 500 kB."""
    code = f"""
import asyncio, os, resource, signal
from hotclub.model.spec import LogFormat
from tests.daemon.logs_room import log_at, put, room, content
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
async def main():
    log = log_at({str(tmp_path)!r}, LogFormat({format_.value!r}))
    async with room() as here:
        await here.output((b"x" * 99 + b"\\n") * 20_000, log)
        assert "File too large" in here.troubles[0][1], here.troubles
        there = content(log.file).count(b"x" * 99 + (b"\\n" if log.format != "json" else b'"}}'))
        total = here.logs._troubles["web:1", "out"].dropped
        assert abs(there * 100 + total - 2_000_000) < 100, (there, total)
asyncio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], timeout=30, check=False)
    assert ran.returncode == 0


def test_never_through_a_symbolic_link(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "web.log").symlink_to(tmp_path / "target")
        async with room() as here:
            await here.output(b"hello\n", log_at(tmp_path))
            assert not (tmp_path / "target").exists()
            ((process, reason, dropped),) = here.troubles
            assert (process, dropped) == ("web:1", 6)
            assert f"{tmp_path}/web.log is a symbolic link" in reason
            (tmp_path / "web.log").unlink()
            await asyncio.sleep(0.06)
            await here.output(b"good\n", log_at(tmp_path))
            assert here.recoveries == [("web:1", 6)]
            assert content(f"{tmp_path}/web.log").endswith(b"\ngood\n")

    run(main)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "file").write_bytes(b"")
        async with room() as here:
            await here.output(b"hello\n", log_at(tmp_path / "file"))
            assert here.troubles
            assert str(tmp_path) in here.troubles[0][1]

    run(main)
