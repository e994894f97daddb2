"""Show what runs, since when, and why something does not.

Exit code 0 when everything wanted is up, 3 when nothing runs, 4 when something wanted is not up.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from hotclub.cli import ask, look
from hotclub.cli.codes import NOT_RUNNING, NOT_UP
from hotclub.client.http import NotRunning
from hotclub.client.resume import API

EXAMPLES = """\
examples:
  hotclub status
  hotclub status web back:*
  hotclub status --json | jq '.processes[] | select(.state != "RUNNING")'"""


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="programs, copies (web:2), groups (back:*), globs")
    parser.add_argument("-v", "--verbose", action="store_true", help="also where everything is")
    parser.add_argument("--json", action="store_true", help="everything, for scripts")


def run(args: Namespace) -> int:
    daemon = ask.daemon(args)
    try:
        status = daemon.get(f"{API}/status", name=args.names)
    except NotRunning:
        return _not_running(args)
    if args.json:
        look.json_out({"running": True, **status})
    else:
        print(look.table(("NAME", "STATE", "PID", "UPTIME", "WHY"), map(_row, status["processes"]), {1: look.STATES}))
        for warning in status["warnings"]:
            print(look.paint(warning, "yellow"))
        if args.verbose:
            _print_places(status)
    return 0 if all(map(_is_well, status["processes"])) else NOT_UP


def _not_running(args: Namespace) -> int:
    site = ask.site(args)
    if args.json:
        places = {"run_dir": site.run_dir, "socket": site.socket, "lock": site.lock, "log_dir": site.log_dir}
        look.json_out({"running": False, "site": {"name": site.name, "file": site.file}, "places": places})
    else:
        print(f"{site.name} is not running ({site.file})\nstart it: hotclub up")
    return NOT_RUNNING


def _row(process: dict[str, Any]) -> tuple[str, ...]:
    pid = str(process["pid"] or "-")
    return process["name"], process["state"], pid, look.duration(process["uptime"]), _why(process)


def _why(process: dict[str, Any]) -> str:
    words = [process["reason"]] if process["reason"] else []
    if process["next"] and process["state"] != "RUNNING":
        words.append(f"next run {look.moment(process['next'])}")
    if process["restarts"]:
        words.append(f"restarted {process['restarts']} times" if process["restarts"] > 1 else "restarted once")
    return ", ".join(words)


def _is_well(process: dict[str, Any]) -> bool:
    """Up, ended as it should, or not wanted."""
    if process["state"] in ("FATAL", "BACKOFF", "UNKNOWN"):
        return False
    return process["state"] in ("RUNNING", "EXITED") or not process["wanted"]


def _print_places(status: dict[str, Any]) -> None:
    site, keeper, daemon = status["site"], status["keeper"]["pid"], status["daemon"]["pid"]
    print(f"\n{site['name']}: {site['file']}, mode {status['mode']}, keeper {keeper}, daemon {daemon}")
    print(", ".join(f"{name} {path}" for name, path in status["places"].items() if path))
