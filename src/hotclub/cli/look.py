"""How things are shown: colours where they can be seen, tables, times and sizes for people."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence

COLOURS = {
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
    "dim": "2",
    "bold": "1",
}
STATES = {
    "RUNNING": "green",
    "STARTING": "yellow",
    "WAITING": "yellow",
    "STOPPING": "yellow",
    "BACKOFF": "yellow",
    "FATAL": "red",
    "UNKNOWN": "red",
    "STOPPED": "dim",
    "EXITED": "dim",
}


def paint(text: str, colour: str | None) -> str:
    """The text in a colour, if standard output is a terminal and nobody minds (NO_COLOR)."""
    if not colour or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], colours: dict[int, dict[str, str]] | None = None) -> str:
    """Columns side by side; `colours` gives, by column, the colour of a cell's text."""
    lines = [list(head), *([_printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    shown = []
    for number, line in enumerate(lines):
        cells = []
        for column, cell in enumerate(line):
            colour = "dim" if number == 0 else (colours or {}).get(column, {}).get(cell)
            last = column == len(line) - 1
            cells.append(paint(cell, colour) + ("" if last else " " * (widths[column] - len(cell))))
        shown.append("  ".join(cells).rstrip())
    return "\n".join(shown)


def _printable(cell: str) -> str:
    """A command line may hold line breaks and control characters; a table must not."""
    return cell if cell.isprintable() else "".join(c if c.isprintable() else " " for c in cell)


def duration(seconds: float | None) -> str:
    """A time span by its two largest units: `4d 3h`, `12m 5s`, `7s`."""
    if seconds is None:
        return "-"
    left = max(int(seconds), 0)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def moment(unix: float | None) -> str:
    """A point in time: the clock for today, the date before that."""
    if unix is None:
        return "-"
    then, now = time.localtime(unix), time.localtime()
    same_day = then[:3] == now[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", then)


def size(count: float | None) -> str:
    """Bytes, as `12.3 MiB`."""
    if count is None:
        return "-"
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def json_out(document: object) -> None:
    """For scripts: one JSON document, readable."""
    import json

    print(json.dumps(document, indent=2, ensure_ascii=False))
