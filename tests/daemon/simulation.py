"""A house without processes: the real supervisor, fleet, runners and bus on a keeper and a clock that are played.

The keeper obeys each frame at once and queues its news. `Death` is raised by the frame after which the daemon is to
die; `house.next_daemon()` then takes over from what the keeper has, as the real one does.
"""

from __future__ import annotations

import heapq
import itertools
import os
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from hotclub.daemon.bus import Bus
from hotclub.daemon.fleet import Fleet
from hotclub.daemon.main import Daemon
from hotclub.daemon.runner import Surroundings
from hotclub.daemon.stored import HOUSE, StoredHouse, StoredProcess
from hotclub.daemon.supervisor import Parts, Supervisor
from hotclub.model.spec import Kind, Log, Program, Site, Where
from hotclub.wire import house


class Death(Exception):
    """The daemon ends here, with `kill -9`."""


class Clock:
    """The part of an event loop that runners use; time passes only in `House.run`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._count = itertools.count()
        self._due: list[tuple[float, int, Any, Any]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when, callback, *args):
        handle = SimpleNamespace(cancelled=False)
        handle.cancel = lambda: setattr(handle, "cancelled", True)
        heapq.heappush(self._due, (when, next(self._count), handle, lambda: callback(*args)))
        return handle

    def call_soon(self, callback, *args):
        return self.call_at(self.now, callback, *args)

    def step(self, *, wait: bool) -> bool:
        """Run the next callback; only with `wait` one that is not due yet."""
        while self._due and self._due[0][2].cancelled:
            heapq.heappop(self._due)
        if not self._due or (self._due[0][0] > self.now and not wait):
            return False
        when, _, _, callback = heapq.heappop(self._due)
        self.now = max(self.now, when)
        callback()
        return True


class Keeper:
    """Obeys at once. A process ends when it is signalled; a task ends with 0; one whose command is `false` with 1."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pids = itertools.count(100)
        self.records: dict[str, bytes] = {}
        self.entries: dict[str, house.Entry] = {}
        self.news: list[house.Message] = []
        self.births: list[str] = []
        self.frames = 0
        self.dies_after: int | None = None
        self.ended: int | None = None

    def send(self, message, fds=()) -> None:
        self._obey(message)
        self.frames += 1
        if self.frames == self.dies_after:
            raise Death

    def _obey(self, message) -> None:
        if getattr(message, "key", None) is not None:
            if message.record is None:
                self.records.pop(message.key, None)
            else:
                self.records[message.key] = message.record
        match message:
            case house.Spawn(token=token):
                if token not in self.entries:
                    self.births.append(token)
                    self.entries[token] = house.Entry(
                        number=0, token=token, pid=next(self._pids), started=self._clock.now
                    )
                    self._tell_born(token)
                    if "-c" in message.argv or message.argv[0] == "false":
                        self._exit(token, 0 if "-c" in message.argv else 1)
                else:
                    self._tell_born(token)
            case house.Signal(token=token):
                if token in self.entries and self.entries[token].status is None:
                    self._exit(token, -message.signal)
            case house.Ack(token=token):
                self.entries.pop(token, None)

    def _tell_born(self, token) -> None:
        entry = self.entries[token]
        self.news.append(house.Born(number=0, token=token, pid=entry.pid, started=entry.started))

    def _exit(self, token, status) -> None:
        entry = self.entries[token]
        self.entries[token] = house.Entry(
            number=0, token=token, pid=entry.pid, started=entry.started, status=status, ended=self._clock.now
        )
        self.news.append(house.Exited(number=0, token=token, pid=entry.pid, status=status, ended=self._clock.now))


class _Logs:
    """Takes each read end and closes it."""

    def attach(self, process, stream, fd, log, **_) -> None:
        os.close(fd)

    def relimit(self, process, log) -> None:
        pass


class _Probes:
    """No program here has a probe."""

    def end(self, process) -> None:
        pass


class House:
    """One house, with one daemon at a time."""

    def __init__(self, site: Site) -> None:
        self.clock = Clock()
        self.keeper = Keeper(self.clock)
        self.journal = os.memfd_create("journal")
        self.files = site  #: what a new look at the configuration's files gives
        self.supervisor: Supervisor
        self.fleet: Fleet
        self.bus: Bus
        self.next_daemon()

    def close(self) -> None:
        self.bus.close()
        os.close(self.journal)

    def next_daemon(self) -> None:
        """What the keeper has is all that this one knows."""
        self.clock._due.clear()
        self.keeper.news.clear()
        self.bus = Bus(self.journal, clock=self.clock.time)
        record = self.keeper.records.get(HOUSE)
        stored = (
            StoredHouse(site=self.files, mode="detached", started=0.0)
            if record is None
            else msgspec.json.decode(record, type=StoredHouse)
        )
        link = cast("Any", self.keeper)
        self.fleet = Fleet(stored.site, former=stored.former)
        self.supervisor = Supervisor(
            Parts(
                link=link,
                bus=self.bus,
                fleet=self.fleet,
                probes=cast("Any", _Probes()),
                applied=lambda _: None,
                load=lambda: self.files,
                status=dict,
                finish=self._finish,
            ),
            stored,
        )
        clock, logs, probes = cast("Any", self.clock), cast("Any", _Logs()), cast("Any", _Probes())
        self.fleet.settle_in(
            Surroundings(clock, link, self.bus, logs, probes, self.fleet.changed, self.fleet.ask_clear)
        )
        decoder = msgspec.json.Decoder(StoredProcess)
        processes = {key: decoder.decode(each) for key, each in self.keeper.records.items() if key != HOUSE}
        teller = SimpleNamespace(_bus=self.bus, _tell=self.bus.tell)
        Daemon._tell_missing(cast("Any", teller), [*processes.values(), stored])
        self.fleet.inherit(processes)
        if record is None:
            self.supervisor.keep()
        self.fleet.resume(processes, list(self.keeper.entries.values()))
        self.supervisor.begin()

    def _finish(self, code: int) -> None:
        self.keeper.ended = code

    @property
    def over(self) -> bool:
        return self.keeper.ended is not None

    def run(self, limit: int = 5000) -> None:
        """Until nothing is under way any more."""
        for _ in range(limit):
            if self.keeper.news:
                self.supervisor.message(self.keeper.news.pop(0))
            elif not self.clock.step(wait=True):
                return
        raise AssertionError("it does not come to rest")

    def lives(self) -> dict[str, list[str]]:
        """What was told of each process."""
        told: dict[str, list[str]] = {}
        for each in self.bus.after(0):
            if hasattr(each.fact, "process"):
                told.setdefault(each.fact.process, []).append(type(each.fact).__name__)
        return told

    def state(self) -> dict[str, tuple[object, ...]]:
        found: dict[str, tuple[object, ...]] = {}
        for process, runner in self.fleet.runners.items():
            r = runner.record
            found[process] = (r.state.value, r.wanted, r.births, r.status, r.spec, r.restart_count)
        return found


def program(name: str, *argv: str, **changes: object) -> Program:
    defaults: dict[str, Any] = {
        "argv": argv or ("sleep", "600"), "command": " ".join(argv), "cwd": "/", "log": Log(None), "where": Where("t"),
        "start_seconds": 0.0,
    }  # fmt: skip
    return Program(name=name, **{**defaults, **changes})


def task(name: str, **changes: object) -> Program:
    return program(name, "sh", "-c", "true", kind=Kind.TASK, **changes)


def site(*programs: Program) -> Site:
    return Site(name="t", root="/t", file="/t/hotclub.toml", programs=programs)
