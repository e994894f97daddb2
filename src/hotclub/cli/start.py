"""Start programs, and wait until they are ready."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hotclub.cli import outcomes

EXAMPLES = """\
examples:
  hotclub start web
  hotclub start tasks:2
  hotclub start 'back:*'"""


def arguments(parser: ArgumentParser) -> None:
    outcomes.add_names(parser)


def run(args: Namespace) -> int:
    return outcomes.ask(args, "start", "waiting for")
