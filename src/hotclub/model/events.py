"""What the machine is told and what it asks for.

Events are commands (imperatives, with an `op` so that one asked twice is obeyed once), news of one birth (they
carry its token) and the clock. Effects are what the runner then does, in order. `Spawn`, `Signal` and `Ack` are
one frame to the keeper each, which carries the new record; a step has at most one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from .facts import Fact

# --- commands --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    op: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    op: str | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    op: str | None = None


@dataclass(frozen=True, slots=True)
class Kill:
    """Stop without asking the process."""

    op: str | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send a signal that means nothing to us."""

    signal: int
    op: str | None = None


# --- from the rest of the house --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clear:
    """All that it waits for is ready."""


@dataclass(frozen=True, slots=True)
class Timeout:
    """The deadline has come."""


@dataclass(frozen=True, slots=True)
class Hurry:
    """Somebody has no patience: a stop in progress goes to KILL."""


# --- news of one birth -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Born:
    token: str
    pid: int
    born: float


@dataclass(frozen=True, slots=True)
class Unborn:
    """The birth failed; there is no child."""

    token: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ready:
    token: str


@dataclass(frozen=True, slots=True)
class Unready:
    """The probe did not pass in time."""

    token: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exited:
    token: str
    status: int
    ended: float
    leftovers: tuple[str, ...] = ()


Command = Start | Stop | Restart | Kill | Send
News = Born | Unborn | Ready | Unready | Exited
Event = Command | Clear | Timeout | Hurry | News

EVENTS: tuple[type[Event], ...] = (
    Start, Stop, Restart, Kill, Send, Clear, Born, Unborn, Ready, Unready, Exited, Timeout, Hurry,
)  # fmt: skip


# --- effects ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spawn:
    token: str


@dataclass(frozen=True, slots=True)
class Signal:
    """`scope` is `process`, `group` or `tree`."""

    token: str
    signal: int
    scope: str


@dataclass(frozen=True, slots=True)
class Ack:
    """This exit is accounted for."""

    token: str


@dataclass(frozen=True, slots=True)
class AskClear:
    """Deliver `Clear` as soon as all in the program's `after` is ready."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Watch this birth's readiness, and deliver `Ready` or `Unready`."""

    token: str


@dataclass(frozen=True, slots=True)
class Tell:
    fact: Fact


Effect = Spawn | Signal | Ack | AskClear | Probe | Tell
