"""Verify the configuration: the file, and whether this machine has what it asks for. Starts nothing."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hotclub.cli import look
from hotclub.cli.codes import OK, USAGE
from hotclub.cli.ground import read
from hotclub.config.errors import ConfigError
from hotclub.config.places import Places, locate
from hotclub.model.order import levels
from hotclub.model.spec import Program, Site

EXAMPLES = """\
examples:
  hotclub check
  hotclub -c /srv/shop check --json"""


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts")


def run(args: Namespace) -> int:
    try:
        places = locate(args.config)
        site = read(places)
    except ConfigError as wrong:
        if not args.json:
            raise
        look.json_out({"ok": False, "problems": [_problem(each) for each in wrong.problems]})
        return USAGE
    if args.json:
        look.json_out({"ok": True, "problems": [], **_document(site, places)})
    else:
        _print(site, places)
    return OK


def _problem(problem: tuple[object, ...]) -> dict[str, str]:
    where, subject, reason, cure = map(str, problem)
    return {"where": where, "subject": subject, "reason": reason, "next_step": cure}


def _document(site: Site, places: Places) -> dict[str, object]:
    return {
        "site": {"name": site.name, "root": site.root, "file": site.file, "files": list(site.files)},
        "programs": [
            {"name": each.name, "kind": each.kind, "copies": each.copies, "where": str(each.where)}
            for each in site.programs
        ],
        "groups": {group.name: list(group.programs) for group in site.groups},
        "order": [list(level) for level in levels(site.programs)],
        "places": {"run_dir": places.run_dir, "socket": places.socket, "lock": places.lock, "log_dir": site.log_dir},
    }


def _print(site: Site, places: Places) -> None:
    print(f"{site.name}: {site.file} is fine")
    rows = [(each.name, _kind(each), each.command, ", ".join(each.after)) for each in site.programs]
    print(look.table(("PROGRAM", "KIND", "COMMAND", "AFTER"), rows))
    print(f"order: {' → '.join(', '.join(level) for level in levels(site.programs))}")
    print(f"run folder {places.run_dir}, logs {site.log_dir or 'to standard output'}")


def _kind(program: Program) -> str:
    if program.schedule:
        return f"scheduled {program.schedule}"
    return f"{program.kind} x {program.copies}" if program.copies > 1 else str(program.kind)
