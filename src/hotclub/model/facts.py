"""What has happened: one frozen dataclass each, past participles.

A fact becomes one line of hotclub's own log, one JSON object in `/api/v1/facts` and (where Supervisor has one)
one event. `process` is an id such as `web:2`; times are in the envelope that the bus puts around a fact.
`status` is an exit code (0 … 255), or minus the number of the signal that killed it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessWaiting:
    process: str


@dataclass(frozen=True, slots=True)
class ProcessStarted:
    """It was born: exec'ed, not yet ready."""

    process: str
    pid: int


@dataclass(frozen=True, slots=True)
class ProcessReady:
    process: str
    pid: int


@dataclass(frozen=True, slots=True)
class ProcessStopping:
    process: str
    pid: int
    signal: int


@dataclass(frozen=True, slots=True)
class ProcessKilled:
    """It did not end within its stop_timeout and was sent KILL."""

    process: str
    pid: int


@dataclass(frozen=True, slots=True)
class ProcessExited:
    process: str
    pid: int
    status: int
    expected: bool  #: we stopped it, or its end was a success
    uptime: float  #: seconds
    leftovers: tuple[str, ...] = ()  #: descendants that outlived it and were killed, as "pid name"


@dataclass(frozen=True, slots=True)
class BirthFailed:
    """It could not be started: `stage` is one of `posix.spawn`'s, or `env_file`."""

    process: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadinessFailed:
    """Its probe did not pass in time; it is being stopped and counts as a failed start."""

    process: str
    pid: int
    reason: str


@dataclass(frozen=True, slots=True)
class ProcessBackedOff:
    """It is started again in `delay` seconds."""

    process: str
    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class ProcessGaveUp:
    """It is not started again: the restart policy or the budget says so."""

    process: str
    reason: str
    status: int | None  #: its last exit status; None when it was never born


@dataclass(frozen=True, slots=True)
class SignalSent:
    process: str
    pid: int
    signal: int


@dataclass(frozen=True, slots=True)
class ScheduleSkipped:
    """Its time came while the last run was still going."""

    process: str


@dataclass(frozen=True, slots=True)
class ConfigurationApplied:
    """A new configuration is in force; the names are programs."""

    unchanged: tuple[str, ...]
    live: tuple[str, ...]
    restarted: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigurationRefused:
    """A new configuration was bad; the old one stays in force."""

    error: str


@dataclass(frozen=True, slots=True)
class DaemonStarted:
    """`boot` counts the daemons of this house from 1; `cause` says how the one before ended."""

    boot: int
    pid: int
    cause: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """The whole house is being stopped, because of `cause`."""

    cause: str


@dataclass(frozen=True, slots=True)
class LogTroubled:
    """Output of a process could not be written; `dropped` bytes are lost so far."""

    process: str
    reason: str
    dropped: int


@dataclass(frozen=True, slots=True)
class LogRecovered:
    process: str
    dropped: int


@dataclass(frozen=True, slots=True)
class ControlFailed:
    """The TCP address of `[control]` cannot be listened on; the Unix socket can."""

    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class StrayReaped:
    """A child nobody had registered ended (a double-forked descendant of some program)."""

    pid: int
    status: int


Fact = (
    ProcessWaiting
    | ProcessStarted
    | ProcessReady
    | ProcessStopping
    | ProcessKilled
    | ProcessExited
    | BirthFailed
    | ReadinessFailed
    | ProcessBackedOff
    | ProcessGaveUp
    | SignalSent
    | ScheduleSkipped
    | ConfigurationApplied
    | ConfigurationRefused
    | DaemonStarted
    | Stopping
    | LogTroubled
    | LogRecovered
    | ControlFailed
    | StrayReaped
)
