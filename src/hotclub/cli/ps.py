"""Show the tree of processes: each with its role, why it exists, since when, and its own and shared memory."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from hotclub.cli import ask, look
from hotclub.client.resume import API

EXAMPLES = """\
examples:
  hotclub ps
  hotclub ps --command
  hotclub ps --json"""

ROLES = {"keeper": "magenta", "daemon": "blue", "program": "green", "probe": "dim", "stray": "red"}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--command", action="store_true", help="show whole command lines as well")
    parser.add_argument("--json", action="store_true", help="everything, for scripts")


def run(args: Namespace) -> int:
    answer = ask.daemon(args).get(f"{API}/ps")
    if args.json:
        look.json_out(answer)
        return 0
    head = ("PROCESS", "PID", "ROLE", "SINCE", "OWN", "SHARED", "WHY")
    rows = [_row(branch, line, args.command) for branch, line in _drawn(answer["processes"])]
    print(look.table(head, rows, {2: ROLES}))
    total = answer["total"]
    print(f"{total['count']} processes, {look.size(total['pss'])} in all (shared pages counted once)")
    return 0


def _row(branch: str, line: dict[str, Any], command: bool) -> tuple[str, ...]:
    memory = line["memory"] or {}
    name = line["name"] or _program(line["command"])
    why = f"{line['why']}: {line['command']}" if command else line["why"]
    own, shared = look.size(memory.get("own")), look.size(memory.get("shared"))
    return branch + name, str(line["pid"]), line["role"], look.moment(line["since"]), own, shared, why


def _program(command: str) -> str:
    """What to call a child: the file name of its program."""
    return command.split(" ", 1)[0].rsplit("/", 1)[-1][:24]


def _drawn(lines: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line with the branch that leads to it."""
    below: dict[int, list[dict[str, Any]]] = {}
    for line in lines[1:]:
        below.setdefault(line["ppid"], []).append(line)
    waiting = [("", "", lines[0])] if lines else []
    while waiting:
        branch, trunk, line = waiting.pop()
        yield branch, line
        children = below.get(line["pid"], [])
        for child in reversed(children):
            last = child is children[-1]
            waiting.append((trunk + ("└─ " if last else "├─ "), trunk + ("   " if last else "│  "), child))
