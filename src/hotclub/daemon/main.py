"""Wiring and the order of things: the one file that sees every constructor.

First everything that another daemon left is taken over and every process is supervised again; only then are the
parts imported that clients need. So a daemon that replaces a dead one is blind for as short as can be.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

from hotclub.config.errors import ConfigError
from hotclub.config.places import Places, compute, make_log_dir
from hotclub.daemon.bereaved import stop_everything
from hotclub.daemon.bus import Bus, Told, fact_from_json
from hotclub.daemon.diary import Diary, describe
from hotclub.daemon.fleet import Fleet
from hotclub.daemon.link import Inheritance, KeeperLost, Link
from hotclub.daemon.logs import Console, Logs
from hotclub.daemon.probes import Probes
from hotclub.daemon.runner import Surroundings
from hotclub.daemon.schedules import Schedules
from hotclub.daemon.status import Identity, Status
from hotclub.daemon.stored import HOUSE, JOURNAL, SCHEDULES, StoredHouse, StoredProcess
from hotclub.daemon.supervisor import Parts, Supervisor
from hotclub.model import facts
from hotclub.model.spec import Site
from hotclub.wire import house

if TYPE_CHECKING:
    from hotclub.daemon.control import ControlDoor

API = "api"  #: name of the held API socket
LOST = 70  #: exit code when the keeper was killed
PATIENCE = 10.0  #: seconds for the programs to end then, when it was not yet known how long they may take


def main(argv: Sequence[str] | None = None) -> int:
    """Live until the house has been stopped; the answer is hotclub's exit code."""
    arguments = _parse(argv)
    faulthandler.enable(all_threads=True)
    for signum in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(signum, signal.SIG_IGN)  # the keeper's business
    link = Link(socket.socket(fileno=int(os.environ.pop("HOTCLUB_LINK"))))
    try:
        inheritance = link.take_over()
    except KeeperLost:
        stop_everything(os.environ["HOTCLUB_HOUSE"], (), PATIENCE)
        return LOST
    places = _places(arguments)
    _title(places.name)
    try:
        stored = _stored_house(inheritance, arguments, places)
    except ConfigError as wrong:
        print(wrong, file=sys.stderr)
        link.send(house.End(code=2))
        return 2
    return asyncio.run(_live(link, inheritance, stored, places, color=arguments.color))


async def _live(
    link: Link, inheritance: Inheritance, stored: StoredHouse, places: Places, *, color: bool | None
) -> int:
    daemon = Daemon(link, inheritance, stored, places, color=color)
    daemon.take_up()
    return await daemon.live()


class Daemon:
    """All parts of one daemon."""

    def __init__(
        self, link: Link, inheritance: Inheritance, stored: StoredHouse, places: Places, *, color: bool | None
    ) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._link, self._inheritance = link, inheritance
        welcome = inheritance.welcome
        self._house = welcome.house
        self._door: ControlDoor | None = None
        self._moving: asyncio.Task[None] | None = None
        self._over: asyncio.Future[int] = loop.create_future()
        self._bus = Bus(self._journal())
        self._diary = _diary(stored.site.log_dir)
        self._console = Console(loop, 1, colour=color) if stored.mode != "detached" else None
        self._logs = Logs(
            loop,
            hold=lambda name, fd: link.send(house.Hold(names=[name]), [fd]),
            release=lambda names: link.send(house.Release(names=list(names))),
            on_trouble=lambda process, reason, lost: self._tell(facts.LogTroubled(process, reason, lost)),
            on_recovery=lambda process, lost: self._tell(facts.LogRecovered(process, lost)),
            console=self._console,
        )
        self._fleet = Fleet(stored.site, _unselected(stored), stored.former)
        self._probes = Probes(loop, link)
        self._schedules = Schedules(loop, link, self._due)
        identity = Identity(
            house=welcome.house,
            keeper=welcome.keeper,
            boot=welcome.boot,
            mode=stored.mode,
            started=stored.started,
            run_dir=places.run_dir,
            log_dir=stored.site.log_dir,
            since=time.time(),
        )
        self._supervisor = Supervisor(
            Parts(
                link=link,
                bus=self._bus,
                fleet=self._fleet,
                probes=self._probes,
                applied=self._applied,
                load=lambda: _load(places),
                status=Status(identity, self._fleet, self._schedules, self._warnings),
                finish=self._finish,
            ),
            stored,
        )
        self._fleet.settle_in(
            Surroundings(loop, link, self._bus, self._logs, self._probes, self._fleet.changed, self._fleet.ask_clear)
        )
        self._bus.subscribe(self._note)
        self._noted: list[tuple[Told, str]] = []

    def take_up(self) -> None:
        """Go on where the daemon before stopped, or begin."""
        welcome = self._inheritance.welcome
        processes = self._stored_processes()
        self._tell_missing([*processes.values(), self._supervisor.stored])
        self._tell(facts.DaemonStarted(welcome.boot, os.getpid(), welcome.cause))
        for name, dropped in welcome.dropped.items():
            process = name.removeprefix("log:").partition("#")[0]
            self._tell(facts.LogTroubled(process, "no daemon was there to write it", dropped))
        self._fleet.inherit(processes)
        self._attach_inherited()
        self._dismiss_unknown()
        self._link.start(self._loop, self._supervisor.message, self._lost)
        if HOUSE not in self._inheritance.records:
            self._supervisor.keep()
        self._fleet.resume(processes, self._inheritance.entries.values())
        due = self._inheritance.records.get(SCHEDULES)
        self._schedules.arrange(self._fleet.site.programs, msgspec.json.decode(due) if due else None)
        self._supervisor.begin()

    def _applied(self, site: Site) -> None:
        """A new configuration is in force: what lies outside the programs follows."""
        self._schedules.arrange(site.programs)
        if self._door is not None:
            self._moving = self._loop.create_task(self._door.move(site.control))

    def _warnings(self) -> list[str]:
        return [] if self._door is None or self._door.trouble is None else [self._door.trouble]

    def _due(self, name: str, moment: float) -> None:
        self._supervisor.due(name, moment)

    async def live(self) -> int:
        """Answer clients until the house is stopped."""
        # Imported beside the loop: what happens meanwhile is dealt with at once.
        server = await self._loop.run_in_executor(None, import_module, "hotclub.daemon.front.server")
        from hotclub.daemon.control import ControlDoor

        front = server.Front(self._supervisor, self._bus, self._logs)
        await front.start(socket.socket(fileno=self._inheritance.held[API]))
        self._door = ControlDoor(front, self._link, self._inheritance.held, self._tell)
        await self._door.move(self._fleet.site.control)
        gc.collect()
        gc.freeze()  # what is here by now stays: later collections need not look at it
        code = await self._over
        self._write_down()
        await self._logs.close()
        await front.stop()
        self._schedules.close()
        self._link.send(house.End(code=code))
        return code

    # --- taking over -------------------------------------------------------------------------------------------

    def _journal(self) -> int:
        held = self._inheritance.held.get(JOURNAL)
        if held is not None:
            return held
        fd = os.memfd_create("hotclub-journal")
        self._link.send(house.Hold(names=[JOURNAL]), [fd])
        return fd

    def _stored_processes(self) -> dict[str, StoredProcess]:
        decoder = msgspec.json.Decoder(StoredProcess)
        records = self._inheritance.records
        return {key: decoder.decode(record) for key, record in records.items() if key not in {HOUSE, SCHEDULES}}

    def _tell_missing(self, stored: Sequence[StoredProcess | StoredHouse]) -> None:
        """Tell what the daemon before had put into a record and not yet told: only its very last step can be so."""
        told = self._bus.last
        for left in stored:
            for fact in left.facts[max(0, told - left.seq) :]:
                self._tell(fact_from_json(fact))

    def _attach_inherited(self) -> None:
        held = self._inheritance.held
        used: set[str] = set()
        pipes = [name for name in held if name.startswith("log:")]
        for name in sorted(pipes, key=_birth_number):
            token, _, stream = name.removeprefix("log:").rpartition(":")
            process = token.rpartition("#")[0]
            runner = self._fleet.runners.get(process)
            if runner is None:
                os.close(held[name])
                self._link.send(house.Release(names=[name]))
            else:
                stage = f"stage:{process}:{stream}"
                used.add(stage)
                runner.attach(token, stream, held[name], held.get(stage))
        spare = [name for name in held if name.startswith("stage:") and name not in used]
        for name in spare:  # of processes that have ended and been written out
            os.close(held[name])
        if spare:
            self._link.send(house.Release(names=spare))

    def _dismiss_unknown(self) -> None:
        """Births that no record speaks of: probing commands of the daemon before."""
        for token, entry in self._inheritance.entries.items():
            if token.rpartition("#")[0] in self._fleet.runners:
                continue
            if entry.status is None:
                self._link.send(house.Signal(token=token, signal=signal.SIGKILL, scope="tree"))
            else:
                self._link.send(house.Ack(token=token))

    # --- leaving -------------------------------------------------------------------------------------------------

    def _finish(self, code: int) -> None:
        if not self._over.done():
            self._over.set_result(code)

    def _lost(self) -> None:
        """The keeper was killed."""
        runners = self._fleet.runners.values()
        known = [
            (r.record.pid, r.record.born) for r in runners if r.record.pid is not None and r.record.born is not None
        ]
        patience = max((r.program.stop_timeout for r in runners), default=0.0)
        left = stop_everything(self._house, known, patience)
        if left:
            print(f"the keeper was killed; these processes could not be ended: {left}", file=sys.stderr)
        self._finish(LOST)

    # --- telling -------------------------------------------------------------------------------------------------

    def _tell(self, fact: facts.Fact) -> None:
        self._bus.tell(fact)

    def _note(self, told: Told) -> None:
        """Words can wait until what the fact is part of has been done."""
        if not self._noted:
            self._loop.call_soon(self._write_down)
        process = getattr(told.fact, "process", None)
        self._noted.append((told, "" if process is None else self._fleet.display(process)))  # as it is called now

    def _write_down(self) -> None:
        noted, self._noted = self._noted, []
        for told, name in noted:
            if self._diary is not None:
                self._diary.write(told, name)
            if self._console is not None:
                self._console.say(describe(told.fact, name))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hotclub-daemon", description="Started by the keeper.")
    parser.add_argument("--config", required=True)
    parser.add_argument("--run-dir", required=True)
    parser.add_argument("--log-dir", default=None)
    parser.add_argument("--mode", choices=("terminal", "foreground", "detached"), default="foreground")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--except", dest="excluded", action="append", default=[])
    parser.add_argument("--color", action=argparse.BooleanOptionalAction, default=None)
    return parser.parse_args(argv)


def _places(arguments: argparse.Namespace) -> Places:
    """From the path alone: a daemon that takes over needs no file."""
    found = compute(arguments.config, environ=os.environ, uid=os.getuid())
    return found._replace(run_dir=arguments.run_dir, log_dir=arguments.log_dir)


def _load(places: Places) -> Site:
    """The configuration as its files are now, checked against this machine, too."""
    from hotclub.config.load import load
    from hotclub.config.verify import verify

    site = load(places)
    problems = verify(site)
    if problems:
        raise ConfigError(problems)
    return site


def _diary(log_dir: str | None) -> Diary | None:
    """hotclub's own log; where there is no folder for it, the console has to do."""
    return None if log_dir is None else Diary(os.path.join(log_dir, "hotclub.log"))


def _stored_house(inheritance: Inheritance, arguments: argparse.Namespace, places: Places) -> StoredHouse:
    record = inheritance.records.get(HOUSE)
    if record is not None:
        return msgspec.json.decode(record, type=StoredHouse)
    site = _load(places)
    if site.log_dir is not None:
        make_log_dir(site.log_dir, file=site.file)
    return StoredHouse(
        site=site,
        mode=arguments.mode,
        started=time.time(),
        only=arguments.only,
        excluded=arguments.excluded,
    )


def _unselected(stored: StoredHouse) -> frozenset[str]:
    """Programs that `up` does not start because of --only or --except."""
    from hotclub.model.select import select

    def programs(patterns: Sequence[str]) -> set[str]:
        return {process.rpartition(":")[0] for process in select(stored.site, patterns)} if patterns else set()

    everything = {program.name for program in stored.site.programs}
    chosen = programs(stored.only) if stored.only else everything
    return frozenset(everything - chosen | programs(stored.excluded))


def _birth_number(name: str) -> int:
    """Of `log:web:1#17:out`: 17."""
    return int(name.rpartition("#")[2].partition(":")[0])


def _title(name: str) -> None:
    from setproctitle import setproctitle

    setproctitle(f"hotclub daemon {name}")
