"""Which processes a name means.

A process `tasks:2` of a program in group `back` answers to `tasks`, `tasks:2`, `back:`, `back:tasks` and
`back:tasks:2`. A pattern is compared with these part by part, so `t*` means programs only, `t*:2` their second
copies, and `back:*` everything in the group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from .spec import Program, Site

_GLOB = frozenset("*?[")


class UnknownName(ValueError):
    """Nothing is called so."""

    def __init__(self, pattern: str, nearest: Sequence[str]) -> None:
        self.pattern = pattern
        self.nearest = tuple(nearest)
        cure = f"did you mean {' or '.join(nearest)}?" if nearest else "`hotclub status` lists all names"
        super().__init__(f"no process, program or group is called {pattern!r}; {cure}")


def select(site: Site, patterns: Sequence[str]) -> list[str]:
    """Ids of the processes meant by any of the patterns, each once, in the order of the configuration.

    Raises UnknownName for a pattern that means none.
    """
    names = _names(site)
    chosen: set[str] = set()
    for pattern in patterns:
        meant = _meant(names, pattern)
        if not meant:
            raise UnknownName(pattern, _nearest(names, pattern))
        chosen.update(meant)
    return [process for program in site.programs for process in program.processes if process in chosen]


def display_name(site: Site, process: str) -> str:
    """What people see: `redis` for the process of a program with one copy, else the id."""
    return name_of(site.program(process.rpartition(":")[0]), process)


def name_of(program: Program | None, process: str) -> str:
    """As `display_name`, where the program is at hand; None: it is no longer declared."""
    if program is not None and program.processes == (process,):
        return program.name
    return process


Names = dict[tuple[str, ...], list[str]]


def _names(site: Site) -> Names:
    groups = [(group.name, set(group.programs)) for group in site.groups]
    names: Names = {}
    for program in site.programs:
        homes = [group for group, members in groups if program.name in members]
        for number, process in enumerate(program.processes, 1):
            for name in _of(program.name, str(number), homes):
                names.setdefault(name, []).append(process)
    return names


def _of(program: str, copy: str, homes: list[str]) -> Iterator[tuple[str, ...]]:
    yield (program,)
    yield (program, copy)
    for group in homes:
        yield (group, "")
        yield (group, program)
        yield (group, program, copy)


def _meant(names: Names, pattern: str) -> list[str]:
    parts = tuple(pattern.split(":"))
    if not _GLOB.intersection(pattern):
        return names.get(parts, [])
    return [process for name, processes in names.items() if _matches(name, parts) for process in processes]


def _matches(name: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return len(name) == len(parts) and all(map(fnmatchcase, name, parts))


def _nearest(names: Names, pattern: str) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(pattern, dict.fromkeys(":".join(name) for name in names))
