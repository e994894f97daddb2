"""Show what the programs have printed, merged by time; with -f what they print from now on.

Following goes on when the daemon is replaced, and loses no line.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from hotclub.cli import ask, look
from hotclub.cli.codes import FAILED, OK
from hotclub.client.http import NotRunning
from hotclub.client.resume import API

EXAMPLES = """\
examples:
  hotclub logs web
  hotclub logs -f web 'back:*'
  hotclub logs --since 10m --grep 'ERROR|Traceback'
  hotclub logs -n 500 --json tasks:2"""

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "red")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="programs, copies (web:2), groups (back:*), globs")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with new lines")
    parser.add_argument("-n", "--tail", type=_count, metavar="N", help="the last N lines of each (100 without --since)")
    parser.add_argument("--since", type=since, metavar="WHEN", help="10m, 1h30m, or 2026-11-23T20:15")
    parser.add_argument("--grep", metavar="REGEX", help="only lines in which it is found")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


def run(args: Namespace) -> int:
    tail = 100 if args.tail is None and args.since is None else args.tail
    query = {"name": args.names, "tail": tail, "since": args.since, "grep": args.grep}
    lines = ask.daemon(args).follow(
        f"{API}/logs", ("cursor", "cursor"), follow=1 if args.follow else None, cursor=None, **query
    )
    show = _Printer(as_json=args.json)
    try:
        for line in lines:
            if "error" in line:
                ask.note(f"hotclub: {line['error']}")
                return FAILED
            show.line(line)
    except NotRunning:
        if show.shown:
            ask.note("hotclub has ended")
            return OK
        folder = ask.site(args).log_dir
        if folder is not None:
            ask.note(f"the logs of earlier runs are in {folder}")
        raise
    return OK


class _Printer:
    """A colour and a column for each process."""

    def __init__(self, *, as_json: bool) -> None:
        self.shown = 0
        self._as_json = as_json
        self._colours: dict[str, str] = {}
        self._width = 0

    def line(self, line: dict[str, Any]) -> None:
        self.shown += 1
        if self._as_json:
            import json

            print(json.dumps(line, ensure_ascii=False), flush=True)
            return
        name = line["name"]
        program = name.partition(":")[0]
        colour = self._colours.setdefault(program, COLOURS[len(self._colours) % len(COLOURS)])
        self._width = max(self._width, len(name))
        print(f"{look.paint(f'{name:<{self._width}} |', colour)} {line['line']}", flush=True)


def since(text: str) -> float:
    """A point in time: so long ago (`10m`), or a date with or without a clock, as unix seconds."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        pass
    span, digits = 0.0, ""
    for character in text:
        if character.isdigit() or character == ".":
            digits += character
        elif character in UNITS and _is_number(digits):
            span, digits = span + float(digits) * UNITS[character], ""
        else:
            raise ArgumentTypeError(f"{text!r} is no time: write 10m, 1h30m, or 2026-11-23T20:15")
    if digits or not text:
        raise ArgumentTypeError(f"{text!r} has no unit: write {digits or 10}s, {digits or 10}m or {digits or 10}h")
    return time.time() - span


def _is_number(digits: str) -> bool:
    return digits.replace(".", "", 1).isdigit()


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)
