"""Stop programs, start them again, and wait until they are ready. One that does not run is started."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hotclub.cli import outcomes

EXAMPLES = """\
examples:
  hotclub restart web
  hotclub restart web:2
  hotclub restart '*'"""


def arguments(parser: ArgumentParser) -> None:
    outcomes.add_names(parser)


def run(args: Namespace) -> int:
    return outcomes.ask(args, "restart", "restarting")
