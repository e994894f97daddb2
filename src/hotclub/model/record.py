"""One process as the machine sees it: where it is, what is wanted, and what must be remembered.

*Wanted* and *state* are separate: a stop that arrives while a birth is under way only takes back the wish, and
the birth reads it. A `Record` holds plain values, so that the keeper can keep it, as bytes, for the next daemon.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a process is."""

    DOWN = "down"  #: stopped on request, or never started
    WAITING = "waiting"  #: for the programs in its `after`
    SPAWNING = "spawning"  #: its birth is asked for
    STARTING = "starting"  #: born, not ready
    UP = "up"  #: ready; a task or a scheduled program: running
    STOPPING = "stopping"  #: the stop signal is sent
    KILLING = "killing"  #: KILL is sent
    BACKOFF = "backoff"  #: its next start comes at the deadline
    DONE = "done"  #: ended by itself, as expected
    GAVE_UP = "gave-up"  #: ended, and neither policy nor budget starts it again


ALIVE = frozenset({State.STARTING, State.UP, State.STOPPING, State.KILLING})  #: there is a child
TIMED = frozenset({State.STARTING, State.STOPPING, State.KILLING, State.BACKOFF})  #: there is a deadline
AT_REST = frozenset({State.DOWN, State.DONE, State.GAVE_UP})  #: nothing happens unless someone asks


@dataclass(frozen=True, slots=True)
class Record:
    """All that is remembered of one process. Times are CLOCK_MONOTONIC."""

    process: str
    wanted: bool = False
    state: State = State.DOWN
    births: int = 0  #: how many were asked for; the token of the last is `process#births`
    pid: int | None = None
    born: float | None = None
    since: float = 0.0  #: when the state last changed
    deadline: float | None = None  #: when `Timeout` is due; None: nothing is awaited by time
    failures: int = 0  #: failed starts in a row
    restarts: tuple[float, ...] = ()  #: recent restarts, for the budget
    restart_count: int = 0  #: of all automatic restarts, for people
    status: int | None = None  #: last exit status
    reason: str = ""  #: why it is not up, for people
    again: bool = False  #: when this birth has ended, start the next at once; not a crash
    op: str | None = None  #: the last command obeyed; the same one again is not
    spec: str = ""  #: key of the spec it was last born with

    @property
    def token(self) -> str:
        """Names its present or last birth."""
        return f"{self.process}#{self.births}"


_VISIBLE = {
    State.DOWN: "STOPPED",
    State.WAITING: "STARTING",
    State.SPAWNING: "STARTING",
    State.STARTING: "STARTING",
    State.UP: "RUNNING",
    State.STOPPING: "STOPPING",
    State.KILLING: "STOPPING",
    State.BACKOFF: "BACKOFF",
    State.DONE: "EXITED",
    State.GAVE_UP: "FATAL",
}


def visible(record: Record) -> str:
    """The state in Supervisor's words."""
    if record.state is State.SPAWNING and not record.wanted:
        return "STOPPING"
    return _VISIBLE[record.state]


def shown(record: Record) -> str:
    """The state in our own output: Supervisor's words, and WAITING."""
    return "WAITING" if record.state is State.WAITING else visible(record)
