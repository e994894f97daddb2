"""Facts in words: for hotclub's own log file and for the console.

`hotclub.log` is written in one go per line and rotated by size. A disk that is full costs lines of this file and
nothing else.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime
from typing import Any

from hotclub.daemon.bus import Told
from hotclub.model import facts
from hotclub.model.policy import describe as how_it_ended

MAX_SIZE = 10 * 1024 * 1024
KEPT = 3


class Diary:
    """Appends one line per fact to a file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd: int | None = None

    def write(self, told: Told, name: str) -> None:
        """Note a fact; trouble with the file is nobody else's."""
        moment = datetime.fromtimestamp(told.time).astimezone().isoformat(timespec="milliseconds")
        line = f"{moment} {describe(told.fact, name)}\n".encode(errors="replace")
        try:
            if self._fd is None:
                self._open()
            elif os.fstat(self._fd).st_size > MAX_SIZE:
                self._rotate()
            if self._fd is not None:
                os.write(self._fd, line)
        except OSError:
            self.close()

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(self.path, flags, 0o640)

    def _rotate(self) -> None:
        self.close()
        for n in range(KEPT, 0, -1):
            older = self.path if n == 1 else f"{self.path}.{n - 1}"
            if os.path.exists(older):
                os.replace(older, f"{self.path}.{n}")
        self._open()


def describe(fact: facts.Fact, name: str) -> str:
    """A fact as one line for people; `name` is what they call its process, if it has one."""
    entry = _WORDS[type(fact)]
    words = entry if isinstance(entry, str) else entry(fact)
    return f"{name} {words}" if name else words


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _soon(delay: float) -> str:
    return f"in {delay:.1f} s" if delay >= 0.05 else "now"


def _exited(fact: facts.ProcessExited) -> str:
    line = f"{how_it_ended(fact.status)} after {fact.uptime:.1f} s" + (", as wanted" * fact.expected)
    if fact.leftovers:
        line += f"; it left {len(fact.leftovers)} behind, killed: {', '.join(fact.leftovers)}"
    return line


def _applied(fact: facts.ConfigurationApplied) -> str:
    parts = {"added": fact.added, "removed": fact.removed, "restarted": fact.restarted, "changed live": fact.live}
    said = [f"{verb} {', '.join(names)}" for verb, names in parts.items() if names]
    return "configuration applied: " + ("; ".join(said) if said else "nothing changed")


#: What follows the name of the process, if the fact has one.
_WORDS: dict[type[facts.Fact], str | Callable[[Any], str]] = {
    facts.ProcessWaiting: "waits for what it needs",
    facts.ProcessStarted: lambda f: f"started, pid {f.pid}",
    facts.ProcessReady: "is ready",
    facts.ProcessStopping: lambda f: f"is being stopped: {_signal_name(f.signal)} to pid {f.pid}",
    facts.ProcessKilled: lambda f: f"did not end in time: KILL to pid {f.pid}",
    facts.ProcessExited: _exited,
    facts.BirthFailed: lambda f: f"could not be started: {f.stage}: {f.reason}",
    facts.ReadinessFailed: lambda f: f"did not become ready: {f.reason}",
    facts.ProcessBackedOff: lambda f: f"starts again {_soon(f.delay)}: {f.reason}",
    facts.ProcessGaveUp: lambda f: f"is not started again: {f.reason}",
    facts.SignalSent: lambda f: f"was sent {_signal_name(f.signal)}",
    facts.ScheduleSkipped: "was due and is skipped: its last run still goes on",
    facts.LogTroubled: lambda f: f"output cannot be written: {f.reason}; {f.dropped} bytes are lost so far",
    facts.LogRecovered: lambda f: f"output is written again; {f.dropped} bytes were lost",
    facts.ConfigurationApplied: _applied,
    facts.ConfigurationRefused: lambda f: f"the new configuration is not applied: {f.error}",
    facts.DaemonStarted: lambda f: f"daemon {f.boot} started, pid {f.pid}" + (f": {f.cause}" if f.cause else ""),
    facts.Stopping: lambda f: f"hotclub is stopping: {f.cause}",
    facts.ControlFailed: lambda f: f"[control] cannot listen on {f.address}: {f.reason}",
    facts.StrayReaped: lambda f: f"stray process {f.pid} {how_it_ended(f.status)}",
}
