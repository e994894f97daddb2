"""`GET /api/v1/status`: what there is and why, from values that are at hand."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from hotclub import __version__
from hotclub.daemon.fleet import Fleet
from hotclub.daemon.logs import Logs
from hotclub.daemon.runner import Runner
from hotclub.daemon.schedules import Schedules
from hotclub.model.record import State, shown


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while this daemon lives."""

    house: str
    keeper: int
    boot: int
    mode: str
    started: float
    run_dir: str
    log_dir: str | None
    since: float


class Status:
    """Renders the whole house."""

    def __init__(
        self, identity: Identity, fleet: Fleet, schedules: Schedules, warnings: Callable[[], list[str]]
    ) -> None:
        self._identity = identity
        self._fleet = fleet
        self._schedules = schedules
        self._warnings = warnings

    def __call__(self) -> dict[str, object]:
        who, site = self._identity, self._fleet.site
        groups: dict[str, list[str]] = {}
        for group in site.groups:
            for name in group.programs:
                groups.setdefault(name, []).append(group.name)
        offset = time.time() - time.monotonic()
        return {
            "version": __version__,
            "site": {"name": site.name, "root": site.root, "file": site.file, "files": list(site.files)},
            "mode": who.mode,
            "house": who.house,
            "started": who.started,
            "boot": who.boot,
            "keeper": {"pid": who.keeper},
            "daemon": {"pid": os.getpid(), "since": who.since},
            "places": {
                "run_dir": who.run_dir,
                "socket": f"{who.run_dir}/api.sock",
                "lock": f"{who.run_dir}/lock",
                "daemon_err": f"{who.run_dir}/daemon.err",
                "log_dir": who.log_dir,
                "daemon_log": None if who.log_dir is None else f"{who.log_dir}/hotclub.log",
            },
            "stopping": self._fleet.ending,
            "warnings": self._warnings(),
            "processes": [self._process(each, offset, groups) for each in self._fleet.runners.values()],
        }

    def _process(self, runner: Runner, offset: float, groups: dict[str, list[str]]) -> dict[str, object]:
        record, program = runner.record, runner.program
        alive = record.pid is not None and record.born is not None
        return {
            "id": runner.process,
            "name": runner.display,
            "program": program.name,
            "copy": int(runner.process.rpartition(":")[2]),
            "groups": groups.get(program.name, []),
            "kind": program.kind.value,
            "state": shown(record),
            "wanted": record.wanted,
            "pid": record.pid,
            "since": record.since + offset if record.since else None,
            "uptime": time.monotonic() - record.born if alive and record.born is not None else None,
            "restarts": record.restart_count,
            "status": record.status,
            "reason": self._reason(runner),
            "command": program.command,
            "essential": program.essential,
            "schedule": program.schedule,
            "next": self._schedules.next(program.name),
            "log": self._paths(runner),
            "where": str(program.where),
        }

    def _reason(self, runner: Runner) -> str:
        if runner.record.state is State.WAITING:
            return "waits for " + ", ".join(self._fleet.missing(runner))
        if runner.record.state is State.DOWN and not runner.record.births:
            return "not started yet" if runner.program.schedule is None else "waits for its schedule"
        return runner.record.reason

    def _paths(self, runner: Runner) -> list[str]:
        streams = ("out", "err") if runner.program.log.separate_stderr else ("out",)
        found = (Logs.path(runner.process, stream, runner.program.log) for stream in streams)
        return [path for path in found if path is not None]
