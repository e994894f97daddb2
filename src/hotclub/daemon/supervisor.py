"""The one object that the outside talks to: signals, clients, schedules and the keeper's news all end here.

It keeps the house's own record (the configuration in force, and whether the house is being stopped) and hands
everything about single processes to the fleet.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import msgspec

from hotclub.daemon.bus import Bus, fact_to_json
from hotclub.daemon.ending import Ending
from hotclub.daemon.fleet import Busy, Fleet
from hotclub.daemon.link import Link
from hotclub.daemon.outcomes import Outcome
from hotclub.daemon.probes import PREFIX, Probes
from hotclub.daemon.runner import Runner, exit_event
from hotclub.daemon.stored import HOUSE, StoredHouse
from hotclub.model import events, facts
from hotclub.model.plan import Action, Plan
from hotclub.model.record import AT_REST, State
from hotclub.model.spec import Site
from hotclub.wire import house


@dataclass(slots=True)
class Parts:
    """What the supervisor is made of."""

    link: Link
    bus: Bus
    fleet: Fleet
    probes: Probes
    applied: Callable[[Site], None]  #: a new configuration is in force
    load: Callable[[], Site]  #: reads the configuration's files anew; raises ConfigError
    status: Callable[[], dict[str, object]]
    finish: Callable[[int], None]  #: everything is at rest: leave with this code


class Supervisor:
    """Everything that can be asked of a house."""

    def __init__(self, parts: Parts, stored: StoredHouse) -> None:
        self.stored = stored
        self._parts = parts
        self._ending = Ending(parts.fleet, lambda: parts.finish(self.stored.code))
        parts.fleet.on_change = self._changed
        parts.fleet.ending = stored.ending is not None

    # --- life --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Make the fleet what it should be; also after a takeover, whatever the daemon before was doing."""
        if self.stored.ending is not None:
            self._ending.begin()
            if self.stored.hurried:
                self._ending.hurry()
        elif self.stored.applying:
            self._agree()
        else:
            self._parts.fleet.reconcile()

    def keep(self, **changes: object) -> None:
        """Change the house's record and leave it with the keeper."""
        self.stored = msgspec.structs.replace(self.stored, **changes)
        self._parts.link.send(house.Put(key=HOUSE, record=msgspec.json.encode(self.stored)))

    def message(self, message: house.Message) -> None:
        """One frame of the keeper's news."""
        fleet, probes = self._parts.fleet, self._parts.probes
        match message:
            case house.Born(token=token) if not token.startswith(PREFIX):
                fleet.deliver(token, events.Born(token=token, pid=message.pid, born=message.started))
            case house.Unborn(token=token):
                if token.startswith(PREFIX):
                    probes.unborn(token, message.stage, message.reason)
                else:
                    fleet.deliver(token, events.Unborn(token=token, stage=message.stage, reason=message.reason))
            case house.Exited(token=token):
                if token.startswith(PREFIX):
                    probes.exited(token, message.status)
                elif not fleet.deliver(token, exit_event(message)):
                    self._parts.link.send(house.Ack(token=token))
            case house.Stray(pid=pid, status=status):
                self._parts.bus.tell(facts.StrayReaped(pid, status))
            case house.Signalled():
                self._signalled(message)
            case _:
                pass

    def due(self, name: str, moment: float) -> None:
        """A schedule has come."""
        if not self._parts.fleet.fire(name, f"schedule {moment:f}"):
            self._parts.bus.tell(facts.ScheduleSkipped(f"{name}:1"))

    # --- what clients ask (the front's port) -------------------------------------------------------------------

    @property
    def site(self) -> Site:
        return self._parts.fleet.site

    def status(self) -> dict[str, object]:
        """The JSON of `GET /api/v1/status`."""
        return self._parts.status()

    def select(self, patterns: Sequence[str]) -> list[str]:
        """Process ids; raises UnknownName."""
        return self._parts.fleet.select(patterns)

    def command(self, verb: str, ids: Sequence[str], op: str) -> None:
        """Begin to start, stop, restart or kill; raises Busy."""
        self._parts.fleet.command(verb, ids, op)

    def outcomes(self, verb: str, ids: Sequence[str]) -> AsyncIterator[Outcome]:
        """Each verdict as it is reached."""
        return self._parts.fleet.outcomes(verb, ids)

    def signal(self, ids: Sequence[str], signo: int, op: str) -> list[Outcome]:
        """Send a signal to each that runs."""
        return self._parts.fleet.signal(ids, signo, op)

    def plan(self) -> Plan:
        """What `apply` would change now; raises ConfigError."""
        return self._parts.fleet.plan(self._parts.load())

    def apply(self, op: str | None) -> Plan:
        """Put the files as they are now in force, wholly or not at all.

        Raises ConfigError, and Busy when the house is being stopped.
        """
        fleet = self._parts.fleet
        if fleet.ending:
            raise Busy("hotclub is stopping")
        if op is not None and op == self.stored.applied:
            return self.stored.plan
        new = self._parts.load()
        self.keep(
            site=new,
            applied=op or os.urandom(8).hex(),
            plan=fleet.plan(new),
            former=fleet.former(new),
            applying=True,
        )
        fleet.adopt(new)
        self._agree()
        return self.stored.plan

    def down(self, cause: str, op: str | None = None, code: int = 0) -> None:  # noqa: ARG002 - stopping is idempotent
        """Stop the whole house; hotclub ends with `code`."""
        if self._parts.fleet.ending:
            return
        self._tell(facts.Stopping(cause), ending=cause, code=code)
        self._ending.begin()

    # --- within ------------------------------------------------------------------------------------------------

    def _agree(self) -> None:
        """Finish an `apply` whose configuration is in force already; doing it again changes nothing."""
        plan, fleet = self.stored.plan, self._parts.fleet
        fleet.reconcile(plan, self.stored.applied)
        self._parts.applied(fleet.site)
        applied = facts.ConfigurationApplied(
            unchanged=plan.names(Action.UNCHANGED),
            live=plan.names(Action.LIVE),
            restarted=plan.names(Action.RESTART),
            added=plan.names(Action.ADDED),
            removed=plan.names(Action.REMOVED),
        )
        self._tell(applied, applying=False)

    def _tell(self, fact: facts.Fact, **changes: object) -> None:
        """Change the house's record and tell what that means; the record has the fact in it, as a process's has."""
        self.keep(seq=self._parts.bus.last, facts=[fact_to_json(fact)], **changes)
        self._parts.bus.tell(fact)

    def _signalled(self, message: house.Signalled) -> None:
        name = signal.Signals(message.signal).name
        match message.signal:
            case signal.SIGHUP if self.stored.mode != "terminal":
                self._apply_quietly()
            case signal.SIGHUP:
                self.down("the terminal went away")
            case signal.SIGUSR2:
                pass
            case _:
                self.down(f"{name} received")
                if message.count > 1:
                    self.keep(hurried=True)
                    self._ending.hurry()

    def _apply_quietly(self) -> None:
        from hotclub.config.errors import ConfigError

        try:
            self.apply(None)
        except ConfigError as wrong:
            self._parts.bus.tell(facts.ConfigurationRefused(str(wrong)))
        except Busy:
            pass

    def _changed(self, runner: Runner) -> None:
        self._ending.changed(runner)
        record, program = runner.record, runner.program
        if program.essential and record.state in AT_REST and record.state is not State.DOWN:
            status = record.status if record.status is not None else 1
            code = status if status >= 0 else 128 - status
            reason = f"{runner.display}, which is essential, has ended: {record.reason or 'exited with status 0'}"
            self.down(reason, code=code)
