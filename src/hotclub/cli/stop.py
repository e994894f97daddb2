"""Stop programs, and wait until nothing of them is left. They stay stopped until they are started again."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hotclub.cli import outcomes

EXAMPLES = """\
examples:
  hotclub stop tasks
  hotclub stop web:2 redis
  hotclub stop --kill 'back:*'"""


def arguments(parser: ArgumentParser) -> None:
    outcomes.add_names(parser)
    parser.add_argument("--kill", action="store_true", help="at once, without asking (KILL)")


def run(args: Namespace) -> int:
    return outcomes.ask(args, "kill" if args.kill else "stop", "stopping")
