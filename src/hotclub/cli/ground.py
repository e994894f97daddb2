"""The ground a house stands on: its lock, its socket, no strays of the house before, and the keeper on top.

All this is done before anything runs. Because the socket listens already, a client may connect at once, and is
served as soon as the daemon is there.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import NoReturn

from hotclub.config.errors import ConfigError, refuse
from hotclub.config.load import load
from hotclub.config.places import Places
from hotclub.config.verify import verify
from hotclub.model.spec import Site
from hotclub.posix import cgroup, pidfd, sockets, tree
from hotclub.wire.marks import group

MOMENT = 0.2  #: seconds for which somebody who only tests the lock may hold it
GONE = 5.0  #: seconds for killed strays to be gone
#: A `hotclub up` typed inside another house must not pass for a part of it.
FOREIGN = ("HOTCLUB_TOKEN", "HOTCLUB_LINK", "HOTCLUB_PROCESS", "HOTCLUB_PROGRAM")


@dataclass(frozen=True, slots=True)
class Start:
    """Everything the keeper needs."""

    places: Places
    lock: int
    api: socket.socket
    mode: str  #: `terminal`, `foreground` or `detached`
    daemon: list[str]

    def become_keeper(self) -> NoReturn:
        """Go on as the keeper, with the same pid."""
        house = os.urandom(8).hex()
        _write_lock(self.lock, self.places, house, self.mode)
        environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        for fd in (self.lock, self.api.fileno()):
            os.set_inheritable(fd, True)
        os.chdir(self.places.root)
        os.execve(sys.executable, self._command(), {**environment, "HOTCLUB_HOUSE": house})

    def in_background(self) -> int:
        """Have a child become the keeper, in a session of its own; returns its pid."""
        sys.stdout.flush()
        sys.stderr.flush()
        keeper = os.fork()
        if keeper == 0:
            try:
                os.setsid()
                _redirect(self.places.daemon_err)
                self.become_keeper()
            except OSError as wrong:  # standard error is the file whose last lines are shown
                os.write(2, f"the keeper cannot be executed: {wrong.filename}: {wrong.strerror}\n".encode())
            finally:
                os._exit(70)
        os.close(self.lock)
        self.api.close()
        return keeper

    def _command(self) -> list[str]:
        command = [sys.executable, "-P", "-m", "hotclub.keeper", "--run-dir", self.places.run_dir]
        command += ["--lock-fd", str(self.lock), "--hold", f"api={self.api.fileno()}", "--name", self.places.name]
        return [*command, *(["--detached"] if self.mode == "detached" else []), "--", *self.daemon]


def read(places: Places) -> Site:
    """The configuration, sound in itself and fit for this machine. Raises ConfigError."""
    site = load(places)
    problems = verify(site)
    if problems:
        raise ConfigError(problems)
    return site


def mode(detached: bool) -> str:
    """How a house is started decides what HUP means to it: on a terminal that the terminal went away."""
    if detached:
        return "detached"
    return "terminal" if sys.stdin.isatty() or sys.stdout.isatty() else "foreground"


def take_lock(path: str) -> int | None:
    """A descriptor that holds the lock, or None when somebody else does."""
    import fcntl  # Linux and macOS only; this module can be imported anywhere

    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    deadline = time.monotonic() + MOMENT
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(fd)
                return None
        time.sleep(0.01)


def clear(lock: int) -> list[str]:
    """Kill what the house before has left, and wait until it is gone; returns "name (pid)" of each."""
    try:
        house = json.loads(os.pread(lock, 65536, 0))["house"]
    except (ValueError, KeyError, TypeError):
        return []
    killed = []
    place = cgroup.place()
    deadline = time.monotonic() + GONE
    while time.monotonic() < deadline:
        strays = {*tree.marked("HOTCLUB_HOUSE", house), *([] if place is None else cgroup.inside(group(place, house)))}
        if not strays:
            break
        killed += [f"{tree.name(each.pid)} ({each.pid})" for each in sorted(strays) if _kill(each, deadline)]
    return killed


def _kill(stray: tree.Process, deadline: float) -> bool:
    """Kill this very process and wait for its end."""
    try:
        fd = pidfd.open(stray.pid)
    except OSError:
        return False
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return pidfd.send(stray, signal.SIGKILL) and bool(poll.poll(max(deadline - time.monotonic(), 0.0) * 1000))
    finally:
        os.close(fd)


def put_aside(path: str) -> None:
    """Last words of the house before must not pass for those of this one; they are kept beside it."""
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, f"{path}.old")


def listen(path: str) -> socket.socket:
    """The API's socket; a stale one is replaced silently."""
    try:
        return sockets.listen_unix(path)
    except OSError as wrong:
        reason = f"{path} cannot be made: {wrong.strerror or wrong}"
        cure = "remove what is there" if wrong.errno == errno.EEXIST else "set HOTCLUB_RUN_DIR to another folder"
        raise refuse(path, "socket", reason, cure) from wrong


def last_lines(path: str, count: int = 10) -> list[str]:
    """The end of a text file; empty when it cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - 8192, 0))
            return file.read().decode("utf-8", "replace").splitlines()[-count:]
    except OSError:
        return []


def _write_lock(lock: int, places: Places, house: str, mode: str) -> None:
    said = {
        "keeper": os.getpid(),
        "house": house,
        "mode": mode,
        "file": places.file,
        "since": time.time(),
        "socket": places.socket,
    }
    text = json.dumps(said).encode()
    os.pwrite(lock, text, 0)
    os.ftruncate(lock, len(text))


def _redirect(errors: str) -> None:
    """Leave the terminal: nothing to read, nowhere to print, and a file for last words."""
    null = os.open(os.devnull, os.O_RDWR)
    file = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    for source, target in ((null, 0), (null, 1), (file, 2)):
        os.dup2(source, target)
