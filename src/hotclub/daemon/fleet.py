"""The fleet: every process by name, and the configuration in force.

A configuration is put in force by writing it into the house's record and then making the fleet agree with it
(`reconcile`). That second half looks only at what is and what should be, so a daemon that takes over in the middle of
an apply finishes it by doing the same again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

from hotclub.daemon.outcomes import Outcome, of_start, of_stop
from hotclub.daemon.runner import Runner, Surroundings
from hotclub.daemon.stored import StoredProcess
from hotclub.daemon.waiting import Waiting
from hotclub.model import events, select
from hotclub.model.plan import Action, Plan, diff, spec_key
from hotclub.model.record import AT_REST, State, visible
from hotclub.model.spec import Program, Site
from hotclub.wire import house

LIVE = frozenset({State.SPAWNING, State.STARTING, State.UP})


_COMMANDS: dict[str, type[events.Start | events.Stop | events.Restart | events.Kill]] = {
    "start": events.Start,
    "stop": events.Stop,
    "restart": events.Restart,
    "kill": events.Kill,
}


class Busy(Exception):
    """The house is being stopped; nothing new is started."""


class Fleet:
    """Names to runners. `unselected` programs (by --only, --except) are known but not started by themselves."""

    def __init__(self, site: Site, unselected: frozenset[str] = frozenset(), former: Iterable[Program] = ()) -> None:
        self.site = site
        self._programs = {program.name: program for program in site.programs}
        self._former = {program.name: program for program in former}
        self.runners: dict[str, Runner] = {}
        self.ending = False
        self._unselected = unselected
        self._waiting = Waiting(self.runners, self._waited_for)
        self._watchers: set[asyncio.Event] = set()
        self._around: Surroundings | None = None
        self.on_change: Callable[[Runner], None] = lambda _runner: None

    # --- life ------------------------------------------------------------------------------------------------

    def settle_in(self, around: Surroundings) -> None:
        """The surroundings exist now; runners can be made."""
        self._around = around

    def inherit(self, processes: Iterable[str]) -> None:
        """Make runners for the processes that another daemon left."""
        for process in processes:
            name = process.rpartition(":")[0]
            self.runners[process] = self._make(process, self._programs.get(name) or self._former[name])
        self._sort()

    def resume(self, stored: Mapping[str, StoredProcess], entries: Iterable[house.Entry]) -> None:
        """Let them go on from their records and from what the keeper knows of their births."""
        by_token = {entry.token: entry for entry in entries}
        for process, left in stored.items():  # all are known before the first takes a step
            self.runners[process].record = left.record
        for process, left in stored.items():
            self.runners[process].resume(by_token.get(left.record.token))

    def reconcile(self, plan: Plan | None = None, op: str | None = None) -> None:
        """Make the fleet agree with the configuration: start, restart and stop what differs, nothing else.

        `plan` and `op` are those of the `apply` that put it in force, while that one is not finished. Without them
        every process was told of its new rules long ago, and only what was never started is missing.
        """
        finished, plan = plan is None, plan or Plan()
        live = plan.names(Action.LIVE)
        rescheduled = {change.program for change in plan.changes if "schedule" in change.fields}
        wanted = {process: program for program in self.site.programs for process in program.processes}
        before = {process: runner.program for process, runner in self.runners.items()}
        for process, program in wanted.items():  # all are there and know the new rules before the first takes a step
            if process in before:
                self.runners[process].program = program
                self.runners[process].display = select.name_of(program, process)
            else:
                self.runners[process] = self._make(process, program)
        self._sort()
        self._dismiss([process for process in before if process not in wanted])
        for process, program in wanted.items():
            runner = self.runners[process]
            if process in before and not finished:
                self._agree(runner, before[process], op, changed=program.name in live)
                if program.name in rescheduled:
                    self._reschedule(runner, self._former.get(program.name, before[process]), op)
            if process not in before or process in plan.arriving:  # which may be here still: it was leaving
                self._begin(runner, op)
            self._waiting.ask(runner)

    def _reschedule(self, runner: Runner, before: Program, op: str | None) -> None:
        """One that lost its schedule runs from now on; one that got its first waits for it."""
        if runner.program.schedule is None:
            self._begin(runner, op)
        elif before.schedule is None:
            runner.handle(events.Stop(op=op))

    def _begin(self, runner: Runner, op: str | None) -> None:
        """Start what starts by itself."""
        if runner.program.schedule is None and runner.program.name not in self._unselected:
            runner.handle(events.Start(op=op))

    def _agree(self, runner: Runner, before: Program, op: str | None, *, changed: bool) -> None:
        record = runner.record
        if record.spec and record.spec != spec_key(runner.program):
            if (
                record.state in LIVE
                or (record.state in AT_REST and record.wanted and runner.program.schedule is None)
                or record.state is State.BACKOFF
            ):
                runner.handle(events.Restart(op=op))
        elif record.state is State.GAVE_UP and record.wanted and changed:
            runner.handle(events.Start(op=op))
        if before.log != runner.program.log and self._around is not None:
            self._around.logs.relimit(runner.process, runner.program.log)

    def changed(self, runner: Runner) -> None:
        """A runner has taken a step."""
        if runner.record.state in AT_REST and self._is_departed(runner):
            self._forget(runner)
        if not self.ending:
            self._waiting.changed(runner)
        for watcher in self._watchers:
            watcher.set()
        self.on_change(runner)

    def ask_clear(self, runner: Runner) -> None:
        """A runner waits for others."""
        if not self.ending:
            self._waiting.ask(runner)

    def display(self, process: str) -> str:
        """The name by which people know a process."""
        runner = self.runners.get(process)
        return process if runner is None else runner.display

    def deliver(self, token: str, event: events.Event) -> bool:
        """Hand the keeper's news to the runner that the token belongs to; False when there is none."""
        runner = self.runners.get(token.rpartition("#")[0])
        if runner is None:
            return False
        runner.handle(event)
        return True

    # --- what front, schedules and signals ask for -----------------------------------------------------------

    def select(self, patterns: Sequence[str]) -> list[str]:
        """Process ids in the order of the configuration; raises UnknownName."""
        return [process for process in select.select(self.site, patterns) if process in self.runners]

    def command(self, verb: str, ids: Sequence[str], op: str) -> None:
        """Begin to start, stop, restart or kill; the same `op` again changes nothing.

        Raises Busy when the house is being stopped.
        """
        if self.ending and verb in {"start", "restart"}:
            raise Busy("hotclub is stopping")
        kind = _COMMANDS[verb]
        for process in ids if verb in {"start", "restart"} else reversed(ids):
            self.runners[process].handle(kind(op=op))

    def signal(self, ids: Sequence[str], signo: int, op: str) -> list[Outcome]:
        """Send a signal to each that runs."""
        found = []
        for process in ids:
            runner = self.runners[process]
            alive = runner.record.pid is not None
            if alive:
                runner.handle(events.Send(signal=signo, op=op))
            found.append(self._outcome(runner, alive, "" if alive else "not running"))
        return found

    def fire(self, name: str, op: str) -> bool:
        """A schedule is due: start the program's processes; False if one of the last run still goes.

        The same `op` again changes nothing.
        """
        if self.ending:
            return True
        runners = [r for r in self.runners.values() if r.program.name == name and r.record.op != op]
        if any(runner.record.state not in AT_REST for runner in runners):
            return False
        for runner in runners:
            runner.handle(events.Start(op=op))
        return True

    def plan(self, new: Site) -> Plan:
        """What `apply` would do with this configuration."""
        return diff(self.site, new)

    def former(self, new: Site) -> list[Program]:
        """Programs whose old rules are needed to finish an `apply`: those that leave, or get their first schedule."""
        after = {program.name: program for program in new.programs}

        def is_needed(program: Program) -> bool:
            now = after.get(program.name)
            return now is None or (program.schedule is None and now.schedule is not None)

        found = {runner.program.name: runner.program for runner in self.runners.values()}
        return [program for program in found.values() if is_needed(program)]

    def adopt(self, new: Site) -> None:
        """This configuration counts from now on; `reconcile` makes it true."""
        self.site = new
        self._programs = {program.name: program for program in new.programs}
        self._former = {}

    def outcome(self, verb: str, process: str) -> Outcome | None:
        """The verdict on one process; None while it is undecided."""
        runner = self.runners.get(process)
        if runner is None:
            return Outcome(process, verb in {"stop", "kill"}, "STOPPED", "no longer configured")
        if verb in {"stop", "kill"}:
            verdict = of_stop(runner.record, ending=self.ending)
        else:
            verdict = of_start(runner.record, runner.program, self._waiting.hopeless(runner.program))
        return None if verdict is None else self._outcome(runner, *verdict)

    async def outcomes(self, verb: str, ids: Iterable[str]) -> AsyncIterator[Outcome]:
        """Each verdict as it is reached."""
        undecided = list(ids)
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            while undecided:
                watcher.clear()
                decided = [(process, self.outcome(verb, process)) for process in undecided]
                undecided = [process for process, outcome in decided if outcome is None]
                for _, outcome in decided:
                    if outcome is not None:
                        yield outcome
                if undecided:
                    await watcher.wait()
        finally:
            self._watchers.discard(watcher)

    def missing(self, runner: Runner) -> list[str]:
        """What a waiting process waits for, in words."""
        return self._waiting.missing(runner.program)

    # --- within ------------------------------------------------------------------------------------------------

    def _outcome(self, runner: Runner, ok: bool, reason: str) -> Outcome:
        return Outcome(runner.process, ok, visible(runner.record), reason)

    def _waited_for(self, name: str) -> Program | None:
        return None if name in self._unselected else self._programs.get(name)

    def _make(self, process: str, program: Program) -> Runner:
        assert self._around is not None  # noqa: S101 - settle_in comes first
        return Runner(process, program, select.name_of(program, process), self._around)

    def _is_departed(self, runner: Runner) -> bool:
        program = self._programs.get(runner.program.name)
        return program is None or runner.process not in program.processes

    def _dismiss(self, leaving: Iterable[str]) -> None:
        runners = [self.runners[process] for process in leaving]
        for runner in runners:  # else one would begin when what it waits for is no more
            self._waiting.forget(runner)
        for runner in runners:
            runner.handle(events.Stop())
            if runner.process in self.runners and runner.record.state in AT_REST:
                self._forget(runner)

    def _forget(self, runner: Runner) -> None:
        runner.silence()
        if self.runners.pop(runner.process, None) is not None and self._around is not None:
            self._around.link.send(house.Put(key=runner.process, record=None))

    def _sort(self) -> None:
        """Keep the order of the configuration; what is about to leave comes last."""
        order = {process: n for n, process in enumerate(p for each in self.site.programs for p in each.processes)}
        sorted_ids = sorted(self.runners, key=lambda process: order.get(process, len(order)))
        if sorted_ids != list(self.runners):
            runners = {process: self.runners[process] for process in sorted_ids}
            self.runners.clear()
            self.runners.update(runners)
