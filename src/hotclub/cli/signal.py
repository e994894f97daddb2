"""Send a signal to programs; those that do not run are named, and that is a failure."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hotclub.cli import ask, look, outcomes
from hotclub.cli.codes import FAILED, OK
from hotclub.client.resume import API, new_op

EXAMPLES = """\
examples:
  hotclub signal HUP web
  hotclub signal SIGUSR1 tasks:1
  hotclub signal 10 'back:*'"""


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("signal", metavar="SIGNAL", help="a name or a number: HUP, SIGUSR1, 10")
    outcomes.add_names(parser)


def run(args: Namespace) -> int:
    body = {"names": args.names, "signal": args.signal, "op": new_op()}
    answer = ask.daemon(args).post(f"{API}/signal", body)
    if args.json:
        look.json_out(answer)
        return OK if answer["ok"] else FAILED
    for line in answer["outcomes"]:
        mark = look.paint("✓", "green") if line["ok"] else look.paint("✗", "red")
        print(f"{mark} {line['name']}  {line['reason'] or 'signalled'}")
    return OK if answer["ok"] else FAILED
