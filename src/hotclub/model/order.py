"""What waits for what: `after`, read as a graph of programs.

Names in `after` that no program has are left out here; the configuration has refused them before.
"""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from .spec import Program


def cycle(programs: Iterable[Program]) -> tuple[str, ...] | None:
    """One circle of programs of which each waits for the next, the first again at its end; None if there is none."""
    try:
        _sorter(tuple(programs)).prepare()
    except CycleError as found:
        return tuple(reversed(found.args[1]))
    return None


def levels(programs: Iterable[Program]) -> tuple[tuple[str, ...], ...]:
    """Names in layers: each program waits only for programs of the layers before its own.

    Within a layer they stand as in the configuration. Raises graphlib.CycleError where `cycle` finds one.
    """
    declared = tuple(programs)
    place = {program.name: index for index, program in enumerate(declared)}
    sorter = _sorter(declared)
    sorter.prepare()
    found = []
    while sorter.is_active():
        layer = sorted(sorter.get_ready(), key=place.__getitem__)
        sorter.done(*layer)
        found.append(tuple(layer))
    return tuple(found)


def start_order(programs: Iterable[Program]) -> tuple[str, ...]:
    """Names so that each comes after all that it waits for."""
    return tuple(name for layer in levels(programs) for name in layer)


def stop_order(programs: Iterable[Program]) -> tuple[str, ...]:
    """Names so that each comes before all that it waited for."""
    return start_order(programs)[::-1]


def _sorter(programs: tuple[Program, ...]) -> TopologicalSorter[str]:
    known = {program.name for program in programs}
    return TopologicalSorter({p.name: [name for name in p.after if name in known] for p in programs})
