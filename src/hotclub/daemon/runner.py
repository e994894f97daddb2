"""One process: events in, effects out.

A runner owns the record of one process and is the only one to change it. `handle` asks the machine what follows
from an event, sends the one frame that carries the new record (with the birth, signal or acknowledgement that it
belongs to), tells the facts, and arms the one timer. It is synchronous, so nothing comes in between.

There is no task and no queue per process: a step takes microseconds, and a thousand idle tasks would cost memory
and say nothing that the record does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from hotclub.daemon import births
from hotclub.daemon.bus import Bus, fact_to_json
from hotclub.daemon.link import Link
from hotclub.daemon.stored import StoredProcess
from hotclub.model import events
from hotclub.model.facts import Fact
from hotclub.model.machine import resume, step
from hotclub.model.plan import spec_key
from hotclub.model.record import Record, State
from hotclub.model.spec import Program
from hotclub.wire import house

if TYPE_CHECKING:
    from hotclub.daemon.logs import Logs
    from hotclub.daemon.probes import Probes


@dataclass(slots=True)
class Surroundings:
    """What every runner needs of the house."""

    loop: asyncio.AbstractEventLoop
    link: Link
    bus: Bus
    logs: Logs
    probes: Probes
    on_change: Callable[[Runner], None]  #: after each step
    ask_clear: Callable[[Runner], None]  #: it waits for others


class Runner:
    """Performs what the machine decides for one process."""

    def __init__(self, process: str, program: Program, display: str, around: Surroundings) -> None:
        self.process = process
        self.program = program
        self.display = display
        self.record = Record(process)
        self._around = around
        self._timer: asyncio.TimerHandle | None = None

    def handle(self, event: events.Event) -> None:
        """Take one step and perform what follows."""
        around = self._around
        record, effects = step(self.record, event, self.program, around.loop.time())
        if record is self.record and not effects:
            return
        facts = [effect.fact for effect in effects if isinstance(effect, events.Tell)]
        if any(isinstance(effect, events.Spawn) for effect in effects):
            record = replace(record, spec=spec_key(self.program))
        self.record = record
        failure = self._send(effects, facts)
        for fact in facts:
            around.bus.tell(fact)
        self._go_on(effects)
        if failure is not None:
            self.handle(failure)
        elif record.state is State.BACKOFF and record.deadline is not None and record.deadline <= around.loop.time():
            self.handle(events.Timeout())  # a restart that is due at once does not wait for the loop's next round
        else:
            self._arm()
        around.on_change(self)

    def resume(self, entry: house.Entry | None) -> None:
        """Go on from the record that the daemon before us left, and the keeper's entry for its present birth."""
        self._arm()
        around = self._around
        if entry is not None:
            self.handle(events.Born(token=entry.token, pid=entry.pid, born=entry.started))
            if entry.status is not None:
                self.handle(exit_event(entry))
        effects = resume(self.record, self.program)
        if any(isinstance(effect, events.Spawn) for effect in effects):
            failure = self._spawn(self.record.token, self._stored(()))
            if failure is not None:
                self.handle(failure)
        self._go_on(effects)
        around.on_change(self)

    def silence(self) -> None:
        """Cancel the timer; nothing comes from here any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- performing -----------------------------------------------------------------------------------------

    def _send(self, effects: Sequence[events.Effect], facts: Sequence[Fact]) -> events.Unborn | None:
        """Send the step's one frame; the answer is the event of a start that could not even be asked for."""
        record = self._stored(facts)
        link = self._around.link
        for effect in effects:
            match effect:
                case events.Spawn(token=token):
                    return self._spawn(token, record)
                case events.Signal(token=token, signal=signal, scope=scope):
                    link.send(house.Signal(token=token, signal=signal, scope=scope, key=self.process, record=record))
                    return None
                case events.Ack(token=token):
                    link.send(house.Ack(token=token, key=self.process, record=record))
                    return None
                case _:
                    pass
        link.send(house.Put(key=self.process, record=record))
        return None

    def _spawn(self, token: str, record: bytes) -> events.Unborn | None:
        around = self._around
        try:
            preparation = births.prepare(self.program, self.process, token, record)
        except births.Unprepared as wrong:
            around.link.send(house.Put(key=self.process, record=record))
            return events.Unborn(token=token, stage=wrong.stage, reason=wrong.reason)
        except OSError as wrong:  # no descriptor left for a pipe
            around.link.send(house.Put(key=self.process, record=record))
            return events.Unborn(token=token, stage="pipe", reason=wrong.strerror or str(wrong))
        around.link.send(preparation.spawn, preparation.fds)
        preparation.close_sent()
        for stream, fd in preparation.outputs.items():
            self.attach(token, stream, fd)
        return None

    def attach(self, token: str, stream: str, fd: int, staging: int | None = None) -> None:
        """Let the log room empty a read end, and the keeper forget it at end of file."""
        link, name = self._around.link, births.hold_name(token, stream)
        self._around.logs.attach(
            self.process,
            stream,
            fd,
            self.program.log,
            display=self.display,
            staging=staging,
            done=lambda: link.send(house.Release(names=[name])),
        )

    def _go_on(self, effects: Sequence[events.Effect]) -> None:
        around = self._around
        if self.record.state is not State.STARTING:
            around.probes.end(self.process)
        for effect in effects:
            match effect:
                case events.Probe(token=token):
                    around.probes.begin(self.process, token, self.program, self.handle)
                case events.AskClear():
                    around.loop.call_soon(around.ask_clear, self)
                case _:
                    pass

    def _arm(self) -> None:
        self.silence()
        if self.record.deadline is not None:
            self._timer = self._around.loop.call_at(self.record.deadline, self._due)

    def _due(self) -> None:
        self._timer = None
        self.handle(events.Timeout())

    def _stored(self, facts: Sequence[Fact]) -> bytes:
        """The record as the keeper keeps it, with the facts of this step and the number they come after.

        A daemon that dies between the frame and the telling leaves a journal that ends before those numbers,
        and the next one tells what is missing.
        """
        told = [fact_to_json(fact) for fact in facts]
        return msgspec.json.encode(StoredProcess(record=self.record, seq=self._around.bus.last, facts=told))


def exit_event(message: house.Entry | house.Exited) -> events.Exited:
    """The machine's event for the keeper's news of an exit."""
    return events.Exited(
        token=message.token,
        status=message.status or 0,
        ended=message.ended or 0.0,
        leftovers=tuple(message.leftovers),
    )
