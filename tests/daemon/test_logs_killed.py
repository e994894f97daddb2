"""A log room that is killed at random moments loses no byte of a file and doubles none."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.daemon.logs_room import content, log_at, room

from hotclub.model.spec import LogFormat

SCRIPT = Path(__file__).with_name("logs_killed.py")


def killed(folder: Path, format_: LogFormat, rounds: int) -> int:
    """How many lines were written."""
    command = [sys.executable, str(SCRIPT), str(folder), format_.value, str(rounds), "7"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


def number(line: bytes, format_: LogFormat) -> int:
    if format_ is LogFormat.TEXT:
        line = line.partition(b" | ")[2]
    if format_ is LogFormat.JSON:
        line = json.loads(line)["message"].encode()
    head, _, tail = line.partition(b" ")
    assert set(tail) <= {ord("x")}, line
    return int(head)


@pytest.mark.parametrize("format_", list(LogFormat))
def test_no_line_is_lost_or_doubled(tmp_path: Path, format_: LogFormat) -> None:
    written = killed(tmp_path, format_, rounds=60)
    found = [number(line, format_) for line in content(str(tmp_path / "web.log")).splitlines()]
    assert found == list(range(written))
    assert (tmp_path / "web.log.3").exists()

    async def read() -> list[object]:
        async with room() as here:
            return await here.lines(log_at(tmp_path, format_, max_size=150_000, total=1 << 40))

    assert [int(str(line).split()[0]) for line in asyncio.run(read())] == list(range(written))
