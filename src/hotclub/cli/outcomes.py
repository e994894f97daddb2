"""What became of a command, process by process, while it is becoming."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import Any

from hotclub.cli.ask import daemon as find
from hotclub.cli.ask import note
from hotclub.cli.codes import FAILED, OK
from hotclub.cli.look import duration, paint
from hotclub.client.resume import API, Daemon, new_op


class Progress:
    """Prints a line per outcome; while nothing happens, says now and then what is still awaited."""

    def __init__(self, daemon: Daemon, doing: str) -> None:
        self._doing = doing
        self._awaited: list[str] = []
        self.outcomes: list[dict[str, Any]] = []
        daemon.on_silence = self._silence

    @property
    def failed(self) -> list[dict[str, Any]]:
        return [line for line in self.outcomes if not line["ok"]]

    def show(self, lines: Iterable[dict[str, Any]]) -> bool:
        """Follow the command to its end; True when all went well."""
        ok = True
        for line in lines:
            if "names" in line:
                self._awaited = list(line["names"])
            elif "process" in line:
                self._outcome(line)
            elif "done" in line:
                ok = bool(line.get("ok", True))
        return ok

    def _outcome(self, line: dict[str, Any]) -> None:
        if line["name"] in self._awaited:
            self._awaited.remove(line["name"])
        self.outcomes.append(line)
        mark = paint("✓", "green") if line["ok"] else paint("✗", "red")
        state, reason = line["state"].lower(), line["reason"]
        says = reason or state if line["ok"] or reason == state else f"{state}: {reason}"
        print(f"{mark} {line['name']} {says}", flush=True)

    def _silence(self, seconds: float) -> None:
        shown = ", ".join(self._awaited[:5]) + (f" and {len(self._awaited) - 5} more" if len(self._awaited) > 5 else "")
        note(f"  {self._doing} {shown or 'hotclub'} … {duration(seconds)}")


def add_names(parser: ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="+", metavar="NAME", help="programs, copies (web:2), groups (back:*), globs ('*')"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


def ask(args: Namespace, verb: str, doing: str) -> int:
    """Have the named programs started, stopped, restarted or killed, and show how it went."""
    daemon = find(args)
    lines = daemon.command("POST", f"{API}/{verb}", {"names": args.names, "op": new_op()})
    ok = echo(lines) if args.json else Progress(daemon, doing).show(lines)
    return OK if ok else FAILED


def echo(lines: Iterable[dict[str, Any]]) -> bool:
    """Print the lines as they are; True when all went well."""
    import json

    ok = True
    for line in lines:
        print(json.dumps(line, ensure_ascii=False), flush=True)
        ok = bool(line.get("ok", True)) if "done" in line else ok
    return ok
