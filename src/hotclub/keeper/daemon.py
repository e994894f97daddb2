"""The daemon's life, seen from its parent.

It is started, and started again when it has died: at once the first time, then a little later each time, and no more
after DEATHS within WINDOW seconds: then it is *left down* until somebody asks for another try. A daemon that owes an
answer for longer than `patience` hangs: it gets ABRT, which makes it write its stacks to daemon.err, and a second
later KILL. Only when it was reaped and all that it had said was obeyed is there a new one.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass

from hotclub.keeper.news import News
from hotclub.posix import limits, spawn
from hotclub.wire import frames, house

DEATHS, WINDOW = 5, 60.0
#: Seconds before the start that follows the first, second, … death within the window.
PAUSES = (0.0, 0.1, 0.5, 1.0)
#: A starting daemon imports what it needs first, perhaps from a cold disk.
START_PATIENCE = 3
ABORT_SECONDS, LEAVE_SECONDS = 1.0, 5.0
ERRORS_LIMIT, ERRORS_SHOWN = 1024 * 1024, 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How a daemon is started."""

    argv: list[str]
    environment: dict[str, str]
    errors: str  #: path of daemon.err
    house: str
    descriptors: limits.Limits
    patience: float = 10.0


class Daemon:
    def __init__(self, command: Command, news: News) -> None:
        self._command = command
        self._news = news
        self._boot = 0
        self._deaths: deque[float] = deque()
        self._start_at: float | None = None
        self._kill_at: float | None = None
        self._verdict = ""  #: why we are ending it, for the next one
        self._errors_from = 0
        self.cause = ""  #: how the last one ended
        self.died = 0.0  #: Unix time at which it did
        self.pid: int | None = None
        self.sock: socket.socket | None = None
        self.code: int | None = None  #: after End: what the keeper shall exit with

    @property
    def left_down(self) -> bool:
        return self.pid is None and self._start_at is None

    @property
    def deadline(self) -> float | None:
        """When `expire` must be called."""
        if self.pid is None:
            return self._start_at
        if self._kill_at is not None:
            return self._kill_at
        since = self._news.unanswered_since
        return None if since is None else since + self._patience

    def start(self, dropped: dict[str, int]) -> None:
        """Start one now. `dropped`: bytes thrown away from held pipes while there was none."""
        self._start_at, self._kill_at, self._verdict = None, None, ""
        self._boot += 1
        ours, theirs = frames.pair()
        errors = self._open_errors()
        try:
            self.pid = spawn.spawn(
                spawn.Birth(
                    argv=self._command.argv,
                    cwd=".",
                    env={**self._command.environment, "HOTCLUB_LINK": str(theirs.fileno())},
                    stdout=None,
                    stderr=errors,
                    inherit=(theirs.fileno(),),
                )
            )
        except spawn.SpawnError as failed:
            ours.close()
            self._bury(f"it could not be started: {failed}")
            return
        finally:
            theirs.close()
            os.close(errors)
        limits.set_descriptors(self.pid, self._command.descriptors)
        self.sock = ours
        self._news.daemon(
            house.Welcome(
                number=0,
                house=self._command.house,
                keeper=os.getpid(),
                boot=self._boot,
                cause=self.cause,
                dropped=dropped,
            )
        )

    def reaped(self) -> None:
        """Its number means nothing from here on; what it said last may still be in its line."""
        self.pid = None

    def ended(self, status: int) -> None:
        """It was reaped, and its line is drained and closed."""
        self._bury(self._verdict or described(status))

    def expire(self, now: float) -> bool:
        """A deadline may have passed. True: a new daemon is to be started."""
        if self.pid is None:
            return self._start_at is not None and now >= self._start_at
        since = self._news.unanswered_since
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._kill()
        elif since is not None and now >= since + self._patience:
            self.abort(f"it hung: no answer for {self._patience:g} s")
        return False

    def abort(self, verdict: str) -> None:
        """It cannot go on: let it write its stacks, then kill it."""
        if self.pid is not None and self._kill_at is None:
            self._verdict = verdict
            os.kill(self.pid, signal.SIGABRT)
            self._kill_at = time.monotonic() + ABORT_SECONDS

    def leave(self, code: int | None = None) -> None:
        """It has said End, or closed its line: either way it has a moment to exit by itself."""
        self.code = self.code if code is None else code
        self._kill_at = self._kill_at or time.monotonic() + LEAVE_SECONDS

    def retry(self) -> None:
        """Somebody thinks that the cause is mended: count deaths anew."""
        if self.left_down:
            self._deaths.clear()
            self._start_at = time.monotonic()

    def last_words(self) -> str:
        """The end of what the last daemon wrote to daemon.err."""
        try:
            with open(self._command.errors, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._errors_from, size - ERRORS_SHOWN))
                return file.read().decode(errors="replace").strip()
        except OSError:
            return ""

    def _kill(self) -> None:
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self._verdict = self._verdict or "it closed its line, but did not exit"
            self._kill_at = time.monotonic() + LEAVE_SECONDS

    @property
    def _patience(self) -> float:
        return self._command.patience * (1 if self._news.seen_any else START_PATIENCE)

    def _bury(self, cause: str) -> None:
        now = time.monotonic()
        self.cause, self.died = cause, time.time()
        self._deaths.append(now)
        while now - self._deaths[0] > WINDOW:
            self._deaths.popleft()
        if len(self._deaths) < DEATHS:
            self._start_at = now + PAUSES[len(self._deaths) - 1]
            return
        self._start_at = None
        try:
            print(f"hotclub: the daemon was left down after {DEATHS} deaths; {cause}", file=sys.stderr, flush=True)
        except OSError:
            pass  # the terminal is gone; whoever asks is told

    def _open_errors(self) -> int:
        """daemon.err, to be appended to; a new one when it has become long, /dev/null when there can be none."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(self._command.errors, flags, 0o600)
            if os.fstat(fd).st_size > ERRORS_LIMIT:
                os.ftruncate(fd, 0)
            self._errors_from = os.fstat(fd).st_size
        except OSError:
            return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        return fd


def described(status: int) -> str:
    if status >= 0:
        return f"it exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "a signal"
    return f"it was killed by {name} ({-status})"
