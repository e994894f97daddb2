"""Who waits for whom: `after`, looked at whenever something changed that others may wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from hotclub.daemon.runner import Runner
from hotclub.model import events
from hotclub.model.record import State
from hotclub.model.spec import Kind, Program


class Waiting:
    """The runners that wait, and the rule by which they go on."""

    def __init__(self, runners: Mapping[str, Runner], programs: Callable[[str], Program | None]) -> None:
        self._runners = runners
        self._programs = programs
        self._waiting: dict[str, Runner] = {}

    def ask(self, runner: Runner) -> None:
        """The runner waits; let it go on at once if nothing is missing."""
        if runner.record.state is State.WAITING:
            self._waiting[runner.process] = runner
            self._look(runner)

    def changed(self, runner: Runner) -> None:
        """Something happened to a runner: others may go on now."""
        if runner.record.state is not State.WAITING:
            self.forget(runner)
        if self._waiting:
            for each in tuple(self._waiting.values()):
                if runner.program.name in each.program.after:
                    self._look(each)

    def forget(self, runner: Runner) -> None:
        """The runner does not go on, whatever happens."""
        self._waiting.pop(runner.process, None)

    def missing(self, program: Program) -> list[str]:
        """What the program still waits for, in words; empty when it may start."""
        found = []
        for name in program.after:
            needed = self._programs(name)
            words = None if needed is None else self._lacks(needed)
            if words:
                found.append(f"{name} ({words})")
        return found

    def hopeless(self, program: Program) -> str | None:
        """Why waiting cannot end by itself: something waited for has failed or was stopped."""
        for name in program.after:
            for runner in self._of(name):
                record = runner.record
                if record.state is State.GAVE_UP:
                    return f"waits for {name}, which failed: {record.reason}"
                if record.state is State.DOWN and not record.wanted:
                    return f"waits for {name}, which is stopped"
        return None

    def _look(self, runner: Runner) -> None:
        if not self.missing(runner.program):
            self.forget(runner)
            runner.handle(events.Clear())

    def _lacks(self, needed: Program) -> str | None:
        wanted = State.DONE if needed.kind is Kind.TASK else State.UP
        for runner in self._of(needed.name):
            record = runner.record
            if record.state is State.DOWN and not record.wanted:
                return "stopped"
            if record.state is not wanted:
                return "not finished" if wanted is State.DONE else "not ready"
        return None

    def _of(self, name: str) -> Iterable[Runner]:
        return [runner for runner in self._runners.values() if runner.program.name == name]
