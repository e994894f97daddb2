"""Start the site: keeper, daemon, and every program.

Without -d it stays here until it is stopped: Ctrl-C stops everything, a second one hurries, a third one kills.
With -d it goes to the background once everything is ready.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace

from hotclub.cli import already, ask, ground
from hotclub.cli.codes import FAILED, USAGE
from hotclub.cli.outcomes import Progress
from hotclub.client.http import NotRunning
from hotclub.client.resume import API, Daemon
from hotclub.config.places import Places, locate, make_run_dir
from hotclub.model.select import UnknownName, select
from hotclub.model.spec import Site

EXAMPLES = """\
examples:
  hotclub up
  hotclub up -d
  hotclub up --only web --only redis
  hotclub up --except nightly"""

ENDED = ("FATAL", "EXITED")  #: states of an essential program that end everything


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-d", "--detach", action="store_true", help="in the background, once everything is ready")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="start these and nothing else")
    parser.add_argument(
        "--except", action="append", default=[], metavar="NAME", dest="without", help="start all but these"
    )
    parser.add_argument("--no-color", action="store_true", help="no colours in what the programs print")


def run(args: Namespace) -> int:
    places = locate(args.config)
    site = ground.read(places)
    try:
        select(site, [*args.only, *args.without])
    except UnknownName as wrong:
        ask.note(f"hotclub: {wrong}")
        return USAGE
    make_run_dir(places)
    lock = ground.take_lock(places.lock)
    if lock is None:
        return already.explain(places)
    for stray in ground.clear(lock):
        ask.note(f"killed {stray}, left over from the last run")
    ground.put_aside(places.daemon_err)
    api = ground.listen(places.socket)
    mode = _mode(args)
    start = ground.Start(places=places, lock=lock, api=api, mode=mode, daemon=_daemon(places, args, mode))
    if not args.detach:
        start.become_keeper()
    keeper = start.in_background()
    return _follow(keeper, places, site)


def _mode(args: Namespace) -> str:
    """`terminal` when there is one that may go away, which stops the site; else SIGHUP means apply."""
    if args.detach:
        return "detached"
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return "foreground"
    return "terminal"


def _daemon(places: Places, args: Namespace, mode: str) -> list[str]:
    """The daemon's command, as the keeper starts it, each time anew. `-P`: no module of the site shadows ours."""
    command = [sys.executable, "-P", "-m", "hotclub.daemon", "--config", places.file]
    command += ["--run-dir", places.run_dir, "--mode", mode]
    if places.log_dir is not None:
        command += ["--log-dir", places.log_dir]
    for name in args.only:
        command += ["--only", name]
    for name in args.without:
        command += ["--except", name]
    return [*command, "--no-color"] if args.no_color else command


def _follow(keeper: int, places: Places, site: Site) -> int:
    """Wait until everything is ready or has failed, and say so."""
    daemon = Daemon(places.socket, places.lock)
    progress = Progress(daemon, "waiting for")
    try:
        well = progress.show(daemon.command("GET", f"{API}/up"))
    except NotRunning:
        return _ended(keeper, places)
    if any(line["state"] in ENDED and _is_essential(site, line["process"]) for line in progress.outcomes):
        return _ended(keeper, places)
    if well:
        print(f"{site.name} is up (pid {keeper}): hotclub status, hotclub logs -f, hotclub down")
        return 0
    if _is_ending(daemon):
        return _ended(keeper, places)
    name = progress.failed[0]["name"] if progress.failed else ""
    ask.note(f"{site.name} runs, but not all of it: hotclub logs {name}, hotclub status, hotclub down")
    return FAILED


def _is_ending(daemon: Daemon) -> bool:
    """An essential program may have ended, and all the others with it."""
    try:
        return bool(daemon.get(f"{API}/status")["stopping"])
    except NotRunning:
        return True


def _is_essential(site: Site, process: str) -> bool:
    program = site.program(process.rpartition(":")[0])
    return program is not None and program.essential


def _ended(keeper: int, places: Places) -> int:
    """It came to its end while we waited: an essential program has ended, or it could not start at all."""
    _, status = os.waitpid(keeper, 0)
    code = os.waitstatus_to_exitcode(status)
    ask.note(f"hotclub has ended with {f'exit code {code}' if code >= 0 else f'signal {-code}'}; its last words:")
    for line in ground.last_lines(places.daemon_err):
        ask.note(f"  {line}")
    return 128 - code if code < 0 else code
