"""Put the changed configuration in force, touching only what changed. If it has a mistake, nothing changes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from hotclub.cli import ask, look, outcomes
from hotclub.cli.codes import FAILED, OK
from hotclub.client.resume import API, new_op

EXAMPLES = """\
examples:
  hotclub apply --plan      what would change?
  hotclub apply             change it"""

SAYS = {
    "added": ("+ ", "green", "new"),
    "removed": ("- ", "red", "removed, will be stopped"),
    "restart": ("~ ", "yellow", "restart"),
    "live": ("~ ", "cyan", "changed while it runs"),
}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--plan", action="store_true", help="only say what would be done")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


def run(args: Namespace) -> int:
    daemon = ask.daemon(args)
    lines = daemon.command("POST", f"{API}/apply", {"plan": args.plan, "op": new_op()})
    show = outcomes.echo if args.json else outcomes.Progress(daemon, "waiting for").show
    return OK if show(lines if args.json else _without_plan(lines)) else FAILED


def _without_plan(lines: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if "plan" in line:
            _show(line["plan"])
        else:
            yield line


def _show(plan: dict[str, Any]) -> None:
    changes = [change for change in plan["changes"] if change["action"] in SAYS]
    for change in changes:
        mark, colour, says = SAYS[change["action"]]
        fields = f": {', '.join(change['fields'])}" if change["fields"] else ""
        print(look.paint(f"{mark}{change['program']}  {says}{fields}", colour))
    if plan["site"]:
        print(f"~ {', '.join(plan['site'])}")
    same = len(plan["changes"]) - len(changes)
    print("nothing changes" if not changes and not plan["site"] else f"{same} unchanged")
