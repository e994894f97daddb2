"""What a new configuration changes, found by comparing two sites.

A field of a program is one of three things. What a child got at its birth (`_birth`) needs a restart. What only
we look at (`_live`) changes under a running process. Where it is written, and how a command is quoted when its
words are the same, is no change at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from .spec import Program, Site


class Action(StrEnum):
    """What is done about a program."""

    UNCHANGED = "unchanged"
    LIVE = "live"  #: changed without a restart
    RESTART = "restart"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    program: str
    action: Action
    fields: tuple[str, ...] = ()  #: names of the keys that differ, as the configuration spells them


@dataclass(frozen=True, slots=True)
class Plan:
    """One `Change` per program, in the order of the new configuration; removed ones come last."""

    changes: tuple[Change, ...] = ()
    site: tuple[str, ...] = ()  #: what differs outside the programs: `name`, `groups`, `control`
    arriving: tuple[str, ...] = ()  #: processes that there were not
    leaving: tuple[str, ...] = ()  #: processes that there are no more

    def names(self, action: Action) -> tuple[str, ...]:
        """The programs to which this is done."""
        return tuple(change.program for change in self.changes if change.action is action)

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return not self.site and all(change.action is Action.UNCHANGED for change in self.changes)


def diff(old: Site, new: Site) -> Plan:
    """What it takes to get from `old` to `new`."""
    before = {program.name: program for program in old.programs}
    after = {program.name for program in new.programs}
    changes = [_change(before.get(program.name), program) for program in new.programs]
    changes += [Change(name, Action.REMOVED) for name in before if name not in after]
    there, here = _processes(old), _processes(new)
    arriving, leaving = (process for process in here if process not in there), (p for p in there if p not in here)
    return Plan(tuple(changes), _differing(_outside(old), _outside(new)), tuple(arriving), tuple(leaving))


def spec_key(program: Program) -> str:
    """A short name for all that a child gets at its birth: two specs that share it need no restart between them."""
    return sha256(json.dumps(_birth(program), sort_keys=True).encode()).hexdigest()[:16]


def _processes(site: Site) -> dict[str, None]:
    return {process: None for program in site.programs for process in program.processes}


def _change(old: Program | None, new: Program) -> Change:
    if old is None:
        return Change(new.name, Action.ADDED)
    born = _differing(_birth(old), _birth(new))
    live = _differing(_live(old), _live(new))
    action = Action.RESTART if born else Action.LIVE if live else Action.UNCHANGED
    return Change(new.name, action, born + live)


def _differing(old: dict[str, object], new: dict[str, object]) -> tuple[str, ...]:
    return tuple(name for name, value in new.items() if old[name] != value)


def _birth(program: Program) -> dict[str, object]:
    return {
        "command": program.argv,
        "kind": program.kind,
        "cwd": program.cwd,
        "user": program.user,
        "unix_group": program.unix_group,
        "umask": program.umask,
        "env": sorted(dict(program.env).items()),
        "env_file": program.env_file,
        "log_file": program.log.file,
        "log_format": program.log.format,
        "log_stderr": program.log.separate_stderr,
    }


def _live(program: Program) -> dict[str, object]:
    return {
        "copies": program.copies,
        "stop_signal": program.stop_signal,
        "stop_group": program.stop_group,
        "stop_timeout": program.stop_timeout,
        "start_seconds": program.start_seconds,
        "restart": program.restart,
        "backoff": program.backoff,
        "essential": program.essential,
        "after": program.after,
        "ready": program.ready,
        "schedule": program.schedule,
        "log_max_size": program.log.max_size,
        "log_total": program.log.total,
    }


def _outside(site: Site) -> dict[str, object]:
    groups = {group.name: group.programs for group in site.groups}
    return {"name": site.name, "groups": groups, "control": site.control}
