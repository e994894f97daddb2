"""Show what has happened, and with -f what happens; a number names each fact, so nothing is missed or told twice."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from hotclub.cli import ask, look
from hotclub.cli.codes import OK
from hotclub.client.http import NotRunning
from hotclub.client.resume import API

EXAMPLES = """\
examples:
  hotclub facts
  hotclub facts -f
  hotclub facts --after 120 --json"""

TROUBLE = ("BirthFailed", "ReadinessFailed", "ProcessGaveUp", "ConfigurationRefused", "LogTroubled", "ProcessKilled")


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what happens from now on")
    parser.add_argument("--after", type=int, default=0, metavar="N", help="only facts with a higher number")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


def run(args: Namespace) -> int:
    follow = 1 if args.follow else None
    told = False
    try:
        for fact in ask.daemon(args).follow(f"{API}/facts", ("after", "seq"), after=args.after, follow=follow):
            _show(fact, args.json)
            told = True
    except NotRunning:
        if not told:
            raise
        ask.note("hotclub has ended")
    return OK


def _show(fact: dict[str, Any], as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(fact, ensure_ascii=False), flush=True)
        return
    seq, moment, kind = fact.pop("seq"), fact.pop("time"), fact.pop("fact")
    process = fact.pop("process", "")
    rest = "  ".join(f"{name}={_plain(value)}" for name, value in fact.items() if value not in (None, "", []))
    colour = "red" if kind in TROUBLE else "bold"
    print(f"{seq:>6}  {look.moment(moment)}  {process:<12} {look.paint(kind, colour)}  {rest}".rstrip(), flush=True)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
