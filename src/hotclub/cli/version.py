"""Print the version."""

from __future__ import annotations

import platform
from argparse import ArgumentParser, Namespace

from hotclub import __version__
from hotclub.cli import look

EXAMPLES = """\
examples:
  hotclub version
  hotclub version --json"""


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts")


def run(args: Namespace) -> int:
    if args.json:
        look.json_out({"version": __version__, "python": platform.python_version()})
    else:
        print(f"hotclub {__version__} (Python {platform.python_version()})")
    return 0
