"""What programs and groups say about each other: names that must exist, cycles, shared log files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from hotclub.config.errors import Problem
from hotclub.config.table import suggest
from hotclub.model.order import cycle
from hotclub.model.spec import Group, Program, Where

KeyWhere = Callable[[Program, str], Where]  # the place of a key of a program


def problems(programs: Sequence[Program], groups: Sequence[Group], where: KeyWhere) -> Iterator[Problem]:
    """Everything that does not fit together."""
    unknown = [*_after(programs, where), *_members(programs, groups)]
    yield from unknown
    if not unknown:
        yield from _cycle(programs, where)
    yield from _log_files(programs, where)


def _after(programs: Sequence[Program], where: KeyWhere) -> Iterator[Problem]:
    known = {program.name: program for program in programs}
    for program in programs:
        for name in program.after:
            subject = f"programs.{program.name}.after"
            if name not in known:
                next_step = suggest(name, known.keys() - {program.name}, "programs")
                yield Problem(where(program, "after"), subject, f'there is no program "{name}"', next_step)
            elif known[name].schedule is not None:
                reason = f'"{name}" runs only at the times of its schedule, so this would never start'
                yield Problem(where(program, "after"), subject, reason, "wait for another program, or for none")


def _members(programs: Sequence[Program], groups: Sequence[Group]) -> Iterator[Problem]:
    known = {program.name for program in programs}
    for group in groups:
        subject = f"groups.{group.name}"
        for name in group.programs:
            if name not in known:
                yield Problem(group.where, subject, f'there is no program "{name}"', suggest(name, known, "programs"))


def _cycle(programs: Sequence[Program], where: KeyWhere) -> Iterator[Problem]:
    found = cycle(programs)
    if not found:
        return
    first = next(program for program in programs if program.name == found[0])
    reason = f"these wait for each other: {' → '.join(found)}"
    yield Problem(
        where(first, "after"), f"programs.{first.name}.after", reason, "remove one of these names from an `after`"
    )


def _log_files(programs: Sequence[Program], where: KeyWhere) -> Iterator[Problem]:
    """Two writers of one file would tear each other's lines apart."""
    taken: dict[str, Program] = {}
    for program in programs:
        for path in _paths(program):
            other = taken.setdefault(path, program)
            if other is not program:
                reason = f"{path} is the log of programs.{other.name} ({other.where}) too"
                yield Problem(
                    where(program, "log_file"), f"programs.{program.name}.log_file", reason, "write another log_file"
                )
                break


def _paths(program: Program) -> Iterator[str]:
    if program.log.file is None or program.log.file == os.devnull:
        return
    stem, suffix = os.path.splitext(program.log.file)
    for copy in range(1, program.copies + 1):
        number = f"-{copy}" if copy > 1 else ""
        yield f"{stem}{number}{suffix}"
        if program.log.separate_stderr:
            yield f"{stem}{number}.err{suffix}"
