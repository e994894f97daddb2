"""Taking the house down: dependents first, then what they depend on, then the daemon itself.

A process is stopped as soon as nothing that runs is `after` it. The second Ctrl-C shortens this: everything
is stopped at once, and what is already stopping is killed.
"""

from __future__ import annotations

from collections.abc import Callable

from hotclub.daemon.fleet import Fleet
from hotclub.daemon.runner import Runner
from hotclub.model import events
from hotclub.model.record import AT_REST


class Ending:
    """Begins at most once; calls `finished` when everything is at rest."""

    def __init__(self, fleet: Fleet, finished: Callable[[], None]) -> None:
        self._fleet = fleet
        self._finished = finished
        self._hurried = False
        self._over = False

    def begin(self) -> None:
        """Stop everything, in order."""
        self._fleet.ending = True
        self._advance()

    def hurry(self) -> None:
        """Stop everything at once; what was asked already is killed."""
        self._hurried = True
        for runner in self._running():
            runner.handle(events.Stop() if runner.record.wanted else events.Hurry())
        self._advance()

    def changed(self, runner: Runner) -> None:
        """A runner has taken a step."""
        if self._fleet.ending and runner.record.state in AT_REST:
            self._advance()

    def _advance(self) -> None:
        running = self._running()
        if not running:
            if not self._over:
                self._over = True
                self._finished()
            return
        needed = {name for runner in running for name in runner.program.after}
        blocked = needed if not self._hurried else set()
        ready = [runner for runner in running if runner.record.wanted and runner.program.name not in blocked]
        for runner in ready:
            if runner.record.wanted:
                runner.handle(events.Stop())

    def _running(self) -> list[Runner]:
        return [runner for runner in self._fleet.runners.values() if runner.record.state not in AT_REST]
