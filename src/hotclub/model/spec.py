"""What a configuration declares, as frozen values.

Loaders in `config/` make them, nobody changes them. Durations are seconds, sizes are bytes, paths are absolute,
signals are numbers. A `Program` compares equal exactly when nothing about it changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What is expected of a program's end."""

    SERVICE = "service"  #: runs until it is stopped
    TASK = "task"  #: runs once and must exit 0


class Restart(StrEnum):
    """When a process that ended by itself is started again."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class LogFormat(StrEnum):
    """What is written to a program's log file."""

    RAW = "raw"  #: the bytes as they come, moved by the kernel
    TEXT = "text"  #: each line with time and process name before it
    JSON = "json"  #: each line as one JSON object


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a configuration file; line 0 means the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """How it is found out that a process is ready; exactly one of the three is set."""

    tcp: tuple[str, int] | None = None  #: a connection to this host and port is accepted
    http: str | None = None  #: a GET of this URL (http only) is answered with a status below 400
    exec: tuple[str, ...] | None = None  #: this command, in the program's environment and folder, exits 0
    timeout: float = 60.0  #: seconds after which the start counts as failed


@dataclass(frozen=True, slots=True)
class Backoff:
    """How restarts are spaced: `first` seconds after the first failed start, `factor` times more each time.

    `max_restarts` within `window` seconds is the budget; 0 means no budget: try for ever.
    """

    first: float = 0.5
    factor: float = 2.0
    cap: float = 30.0
    jitter: float = 0.1  #: at most this share is added to a delay, so that copies do not march in step
    max_restarts: int = 0
    window: float = 60.0


@dataclass(frozen=True, slots=True)
class Log:
    """Where a program's output goes.

    `file` is the path of the first copy's log; copy n gets `-n` before the suffix. None means no file: the
    console alone. With `separate_stderr` stderr has a file of its own (`.err` before the suffix).
    """

    file: str | None
    format: LogFormat = LogFormat.RAW
    separate_stderr: bool = False
    max_size: int = 10 * 1024 * 1024  #: bytes in one file before it is rotated; 0 means never
    total: int = 100 * 1024 * 1024  #: bytes of all files of one stream together; the oldest go first


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One `[programs.NAME]` table (or Procfile line): a command and how to run it."""

    name: str
    argv: tuple[str, ...]  #: argv[0] is looked up in the PATH of the program's own environment
    command: str  #: as it was written, for people
    cwd: str
    log: Log
    where: Where
    kind: Kind = Kind.SERVICE
    copies: int = 1
    user: str | None = None
    unix_group: str | None = None
    umask: int | None = None
    env: tuple[tuple[str, str], ...] = ()
    env_file: tuple[str, ...] = ()  #: read again at each start; later files and `env` win
    stop_signal: int = 15
    stop_group: bool = False  #: send the stop signal to the whole process group
    stop_timeout: float = 10.0
    start_seconds: float = 1.0  #: without a probe: ready after running this long
    restart: Restart = Restart.ALWAYS
    backoff: Backoff = field(default_factory=Backoff)
    essential: bool = False  #: when it has ended for good, hotclub ends with its exit code
    after: tuple[str, ...] = ()  #: program names that must be ready (a task: have exited 0) before a start
    ready: Readiness | None = None
    schedule: str | None = None  #: cron expression; started then, and not by `up`

    @property
    def processes(self) -> tuple[str, ...]:
        """Ids of its processes, `name:1` … `name:copies`."""
        return tuple(f"{self.name}:{n}" for n in range(1, self.copies + 1))


@dataclass(frozen=True, slots=True)
class Group:
    """Programs that are named together, `NAME:*`."""

    name: str
    programs: tuple[str, ...]
    where: Where


@dataclass(frozen=True, slots=True)
class Control:
    """`[control]`: an address for the API beside the Unix socket, only with a password."""

    host: str
    port: int
    username: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One whole configuration."""

    name: str
    root: str  #: logical path of the configuration's folder (symlinks kept): the site's identity
    file: str  #: the file that was read
    files: tuple[str, ...] = ()  #: every file that was read, includes too
    programs: tuple[Program, ...] = ()
    groups: tuple[Group, ...] = ()
    control: Control | None = None
    log_dir: str | None = None  #: folder of hotclub's own log; None: no file, stdout alone

    def program(self, name: str) -> Program | None:
        return next((p for p in self.programs if p.name == name), None)
