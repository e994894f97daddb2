"""One `[programs.NAME]` table to one `Program`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace

from hotclub.config import values
from hotclub.config.schedule import BadSchedule, check
from hotclub.config.table import Table
from hotclub.model.spec import Backoff, Kind, Log, LogFormat, Program, Readiness, Restart

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_OWN_LOG = "hotclub"  # hotclub.log is the daemon's
_PROBE_TIMEOUT = 60.0
_TOTAL_IN_FILES = 10  # an unwritten log_total is room for this many files


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a program's table does not say itself."""

    root: str
    log_dir: str | None
    log: Log  #: defaults; its `file` is not used


def program(table: Table, name: str, around: Surroundings) -> Program:
    """The program of this table; what is wrong is noted in it."""
    argv = _command(table)
    kind = table.get("kind", values.choice(Kind), Kind.SERVICE)
    schedule = table.get("schedule", _schedule, None)
    essential = table.get("essential", values.flag, default=False)
    declared = Program(
        name=name,
        argv=argv,
        command=_as_written(table.data.get("command"), argv),
        cwd=os.path.normpath(os.path.join(around.root, table.get("cwd", values.text, "."))),
        log=_log(table, name, around),
        where=table.where(),
        kind=kind,
        copies=table.get("copies", values.whole(1, 10_000), 1),
        user=table.get("user", values.text, None),
        unix_group=table.get("unix_group", values.text, None),
        umask=table.get("umask", values.umask, None),
        env=table.get("env", values.env, ()),
        env_file=tuple(os.path.join(around.root, each) for each in table.get("env_file", values.one_or_many, ())),
        stop_signal=table.get("stop_signal", values.signal_number, 15),
        stop_group=table.get("stop_group", values.flag, default=False),
        stop_timeout=table.get("stop_timeout", values.duration, 10.0),
        start_seconds=table.get("start_seconds", values.duration, 1.0),
        restart=table.get("restart", values.choice(Restart), default_restart(kind, schedule, essential=essential)),
        backoff=_backoff(table),
        essential=essential,
        after=table.get("after", values.names, ()),
        ready=_ready(table),
        schedule=schedule,
    )
    _agree(table, declared)
    table.end()
    return declared


def default_restart(kind: Kind, schedule: str | None, *, essential: bool) -> Restart:
    """What runs once, or ends everything when it ends, is not started again unless the file says so."""
    return Restart.NEVER if kind is Kind.TASK or schedule is not None or essential else Restart.ALWAYS


def wrong_name(name: str) -> str | None:
    """Why no program or group can be called this, if so."""
    if not _NAME.fullmatch(name):
        return "may have only letters, digits, `_`, `-` and `.`, and begins with a letter, a digit or `_`"
    if name.isdigit():
        return "is only digits, which would read like the number of a copy"
    return "is the name of hotclub's own log" if name == _OWN_LOG else None


def _command(table: Table) -> tuple[str, ...]:
    if "command" not in table:
        table.keys.add("command")
        table.wrong(None, "has no command", f'write for example command = "{table.path[-1]} --option"')
        return ()
    return table.get("command", values.command, ())


def _as_written(written: object, argv: tuple[str, ...]) -> str:
    import shlex

    return written if isinstance(written, str) else shlex.join(argv)


def _schedule(value: object) -> str:
    expression = values.text(value)
    try:
        check(expression)
    except BadSchedule as bad:
        example = 'KEY = "15 3 * * *" (minute, hour, day of month, month, day of week)'
        raise values.Wrong(f'"{expression}": {bad}', example) from None
    return expression


def _backoff(table: Table) -> Backoff:
    inner, usual = table.table("backoff"), Backoff()
    backoff = Backoff(
        first=inner.get("first", values.duration, usual.first),
        factor=inner.get("factor", values.number(1.0), usual.factor),
        cap=inner.get("cap", values.duration, usual.cap),
        jitter=inner.get("jitter", values.number(0.0, 1.0), usual.jitter),
        max_restarts=inner.get("max_restarts", values.whole(0), usual.max_restarts),
        window=inner.get("window", values.duration, usual.window),
    )
    if backoff.max_restarts and not backoff.window:
        inner.wrong("window", "is 0, and max_restarts are counted within it", 'write for example window = "1m"')
    if backoff.cap < backoff.first:
        key = "cap" if "cap" in inner else "first"
        inner.wrong(key, f"cap ({backoff.cap:g} s) is less than first ({backoff.first:g} s)", "write a longer cap")
    inner.end()
    return backoff


def _ready(table: Table) -> Readiness | None:
    inner = table.table("ready")
    timeout = inner.get("timeout", values.duration, _PROBE_TIMEOUT)
    tcp = inner.get("tcp", values.address, None)
    http = inner.get("http", values.http_url, None)
    argv = inner.get("exec", values.command, None)
    inner.end()
    written = [key for key in ("tcp", "http", "exec") if key in inner]
    mistyped = inner.data.keys() - inner.keys  # then that has been said already
    if isinstance(table.data.get("ready"), dict) and len(written) != 1 and not mistyped:
        has = " and ".join(written) if written else "none"
        reason = f"needs exactly one of tcp, http and exec, and has {has}"
        table.wrong("ready", reason, 'write for example ready = { tcp = "127.0.0.1:6379", timeout = "30s" }')
    if tcp is not None:
        return Readiness(tcp=tcp, timeout=timeout)
    if http is not None:
        return Readiness(http=http, timeout=timeout)
    return Readiness(exec=argv, timeout=timeout) if argv else None


def _log(table: Table, name: str, around: Surroundings) -> Log:
    usual = around.log
    file = table.get("log_file", values.optional_path, f"{name}.log")
    # A relative path lies in the log folder; where there is none (a container), the console has it all.
    if file is not None and around.log_dir is not None:
        file = os.path.normpath(os.path.join(around.log_dir, file))
    elif file is not None and not os.path.isabs(file):
        file = None
    log = Log(
        file=file,
        format=table.get("log_format", values.choice(LogFormat), usual.format),
        separate_stderr=table.get("log_stderr", _separate, default=usual.separate_stderr),
    )
    return sizes(table, log, usual, "log_max_size", "log_total")


def sizes(table: Table, log: Log, usual: Log, size_key: str, total_key: str) -> Log:
    """`log` with its sizes read under these keys; an unwritten total follows a written file size."""
    max_size = table.get(size_key, values.size, usual.max_size)
    room = max_size * _TOTAL_IN_FILES if size_key in table and max_size else usual.total
    total = table.get(total_key, values.size, room)
    if total < max_size or not total:
        key = total_key if total_key in table else size_key
        table.wrong(key, f"all files together get {total} bytes, one gets {max_size}", f"write a larger {total_key}")
    return replace(log, max_size=max_size, total=total)


def _separate(value: object) -> bool:
    if value not in {"merge", "separate"}:
        raise values.Wrong(f'is {values.found(value)}, neither "merge" nor "separate"', 'KEY = "separate"')
    return value == "separate"


def _agree(table: Table, declared: Program) -> None:
    """Keys that make no sense together."""
    once = "a task runs once" if declared.kind is Kind.TASK else "a scheduled program runs at its time"
    if declared.kind is Kind.SERVICE and declared.schedule is None:
        return
    if "ready" in table:
        table.wrong("ready", f"{once} and is never ready in this sense", "remove it")
    if declared.restart is Restart.ALWAYS:
        table.wrong("restart", f'is "always", but {once}', 'write restart = "on-failure" or remove it')
    if declared.kind is Kind.TASK and declared.schedule is not None:
        table.wrong("kind", "is a task, and a scheduled program runs at its time anyway", "remove kind or schedule")
