"""Stop the site: its programs, last started first, then hotclub itself. Nothing is left.

When nothing runs it says so, and that is a success.
"""

from __future__ import annotations

import os
import select
import signal
from argparse import ArgumentParser, Namespace

from hotclub.cli import ask
from hotclub.cli.codes import SILENT
from hotclub.cli.outcomes import Progress
from hotclub.client import lock
from hotclub.client.http import KeeperAnswered, NotAnswering, NotRunning
from hotclub.client.resume import API, Daemon, new_op
from hotclub.config.places import Places

EXAMPLES = """\
examples:
  hotclub down
  hotclub -c /srv/shop/hotclub.toml down"""

LAST = 30.0  #: seconds for the keeper to end once everything is stopped, or once it was told to stop by itself


def arguments(_: ArgumentParser) -> None:
    """None of its own."""


def run(args: Namespace) -> int:
    site = ask.site(args)
    keeper = lock.keeper(site.lock)
    if keeper is None and not lock.held(site.lock):
        _clear(site.lock)
        print(f"{site.name} is not running")
        return 0
    _stop(site)
    keeper = lock.keeper(site.lock) if keeper is None else keeper  # it may just have been starting
    if keeper is not None and not _wait(keeper):
        pid = lock.read(site.lock).get("keeper")
        ask.note(f"hotclub: the keeper (pid {pid}) has not ended within {LAST:.0f} s; kill it: kill -9 {pid}")
        return SILENT
    print(f"{site.name} is down")
    return 0


def _clear(path: str) -> None:
    """Nobody runs; but keeper and daemon may have been killed together, and then their programs are still there."""
    if not os.path.exists(path):
        return
    from hotclub.cli import ground

    fd = ground.take_lock(path)
    if fd is not None:
        for stray in ground.clear(fd):
            ask.note(f"killed {stray}, left over from the last run")
        os.close(fd)


def _stop(site: Places) -> None:
    """Ask the daemon; a keeper whose daemon is no help stops everything itself."""
    daemon = Daemon(site.socket, site.lock)
    cause = f"hotclub down (pid {os.getpid()})"
    try:
        Progress(daemon, "stopping").show(daemon.command("POST", f"{API}/down", {"op": new_op(), "cause": cause}))
    except NotRunning:
        pass  # it has ended while we asked
    except (NotAnswering, KeeperAnswered):
        ask.note("the daemon does not answer; the keeper is told to stop everything")
        lock.tell_keeper(site.lock, signal.SIGTERM)


def _wait(keeper: int) -> bool:
    """Wait for the end of the keeper; its pidfd becomes readable then."""
    poll = select.poll()
    poll.register(keeper, select.POLLIN)
    try:
        return bool(poll.poll(LAST * 1000))
    finally:
        os.close(keeper)
