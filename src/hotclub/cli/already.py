"""A second `up`: who runs this site, how to reach it, and what may be meant instead."""

from __future__ import annotations

import os
import signal
import time

from hotclub.cli import ask
from hotclub.cli.codes import ALREADY, SILENT
from hotclub.cli.look import moment
from hotclub.client import lock
from hotclub.client.http import ClientError, KeeperAnswered
from hotclub.client.resume import API, Daemon
from hotclub.config.places import Places

HEARD = 3.0  #: seconds in which the keeper must have heard that it is to try again
MODES = {"detached": "in the background", "terminal": "on a terminal", "foreground": "in the foreground"}


def explain(places: Places) -> int:
    """Say it; a daemon that was left down is started again, for that is what `up` is asked for."""
    daemon = Daemon(places.socket, places.lock, patience=5.0)
    try:
        status = daemon.get(f"{API}/status")
    except KeeperAnswered as said:
        return _revive(places, said.text)
    except ClientError as wrong:
        print(_who(places))
        ask.note(f"{wrong}; stop everything: hotclub down")
        return SILENT
    shown = [_who(places), f"daemon      pid {status['daemon']['pid']}"]
    shown += [f"{name:<11} {path}" for name, path in status["places"].items() if path]
    print("\n".join(shown))
    print("next: hotclub status, hotclub logs -f, hotclub apply (a changed file), hotclub down (stop)")
    return ALREADY


def _who(places: Places) -> str:
    said = lock.read(places.lock)
    how = MODES.get(str(said.get("mode")), "")
    return (
        f"{places.name} is already running {how}\n"
        f"keeper      pid {said.get('keeper')}, user {_owner(places.lock)}, since {moment(said.get('since'))}\n"
        f"file        {said.get('file', places.file)}"
    )


def _owner(path: str) -> str:
    import pwd

    uid = os.stat(path).st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _revive(places: Places, text: str) -> int:
    ask.note(text)
    ask.note("the keeper is told to start a new daemon …")
    lock.tell_keeper(places.lock, signal.SIGUSR1)
    daemon, deadline = Daemon(places.socket, places.lock), time.monotonic() + HEARD
    while True:
        try:
            found = daemon.get(f"{API}/status")
            break
        except KeeperAnswered as again:
            if again.text != text or time.monotonic() > deadline:
                ask.note(f"it failed again:\n{again.text}")
                return SILENT
        time.sleep(0.05)  # the question overtook the signal
    print(f"{places.name} has a daemon again (pid {found['daemon']['pid']}); nothing was restarted: hotclub status")
    return 0
