"""The daemon of the site that is meant: by `-c FILE`, or by the folder one stands in."""

from __future__ import annotations

import sys
from argparse import Namespace

from hotclub.client.resume import Daemon
from hotclub.config import places


def site(args: Namespace) -> places.Places:
    """The places of the site; as root a user's running site is found too."""
    return places.locate(args.config, control=True)


def daemon(args: Namespace) -> Daemon:
    found = site(args)
    return Daemon(found.socket, found.lock)


def note(text: str) -> None:
    """Something for people that is no part of the answer."""
    print(text, file=sys.stderr, flush=True)
