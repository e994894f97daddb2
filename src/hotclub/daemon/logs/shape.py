"""How a line looks in a log file, and what it was before that.

`text` puts time and name before the bytes, which stay as they are; `json` is one object per line, where broken
UTF-8 is replaced. The time is when we saw the line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

from hotclub.model.spec import LogFormat

_TEXT = re.compile(rb"(\d{4}-\d\d-\d\dT[0-9:.]+[+-]\d\d:\d\d) \S+ \| (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Shape:
    """The format of one stream's lines."""

    format: LogFormat
    process: str  #: its id
    display: str  #: what people call it
    stream: str

    def render(self, block: bytes, time: float) -> bytes:
        """Whole lines, each of them ended by a newline, as they stand in the log."""
        if self.format is LogFormat.RAW:
            return block
        when = stamp(time)
        if self.format is LogFormat.TEXT:
            return prefixed(block, f"{when} {self.display} | ".encode())
        head = json.dumps({"time": when, "process": self.process, "stream": self.stream})[:-1] + ', "message": '
        lines = block.decode("utf-8", "replace")[:-1].split("\n")
        return "".join(f"{head}{json.dumps(line, ensure_ascii=False)}}}\n" for line in lines).encode()


def prefixed(block: bytes, prefix: bytes) -> bytes:
    return prefix + block[:-1].replace(b"\n", b"\n" + prefix) + b"\n"


def parse(format: LogFormat, line: bytes) -> tuple[float | None, bytes]:  # noqa: A002 (its name everywhere)
    """Time and message of a line in a log; a line that is none of ours is all message."""
    try:
        if format is LogFormat.TEXT and (found := _TEXT.fullmatch(line)):
            return datetime.fromisoformat(found[1].decode("ascii")).timestamp(), found[2]
        if format is LogFormat.JSON and line.startswith(b"{"):
            known = json.loads(line)
            return datetime.fromisoformat(known["time"]).timestamp(), known["message"].encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return None, line


def stamp(time: float) -> str:
    """2026-11-23T20:15:03.123+01:00"""
    return datetime.fromtimestamp(time).astimezone().isoformat(timespec="milliseconds")
