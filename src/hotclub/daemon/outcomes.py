"""What became of a command: decided from the record alone, so that any daemon can answer it."""

from __future__ import annotations

from dataclasses import dataclass

from hotclub.model.record import AT_REST, Record, State
from hotclub.model.spec import Kind, Program

#: Failed starts in a row after which "start" is answered with a failure (it goes on trying).
PATIENCE = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one process."""

    process: str
    ok: bool
    state: str
    reason: str


def of_start(record: Record, program: Program, hopeless: str | None) -> tuple[bool, str] | None:
    """(success, reason) of a start or restart; None while it is undecided.

    A task succeeds when it has exited 0, a scheduled program when it runs, anything else when it is ready.
    """
    match record.state:
        case State.UP:
            return None if program.kind is Kind.TASK else (True, "")
        case State.DONE:
            return True, record.reason
        case State.GAVE_UP:
            return False, record.reason
        case State.DOWN:
            return False, "stopped meanwhile"
        case State.WAITING if hopeless is not None:
            return False, hopeless
        case _ if record.failures >= PATIENCE:
            return False, record.reason
        case _:
            return None


def of_stop(record: Record, *, ending: bool) -> tuple[bool, str] | None:
    """(success, reason) of a stop; None while it is undecided.

    While the house is `ending`, what is still wanted will be stopped in its turn; else somebody wants it again.
    """
    if record.state in AT_REST:
        return True, record.reason
    return (False, "started meanwhile") if record.wanted and not ending else None
