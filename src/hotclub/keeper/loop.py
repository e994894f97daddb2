"""The one loop: wait for an event or a deadline, deal with it, tell the daemon what is new.

Nothing in here blocks. A frame that does not fit into the daemon's line stays what it is, an entry in the table, and
is made again when there is room.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import time

from hotclub.keeper import answering, ending
from hotclub.keeper.answering import Answering
from hotclub.keeper.births import Births
from hotclub.keeper.daemon import Command, Daemon
from hotclub.keeper.ending import Ending
from hotclub.keeper.exits import Exits
from hotclub.keeper.groups import Groups
from hotclub.keeper.kin import Kin
from hotclub.keeper.news import News
from hotclub.keeper.orders import Orders
from hotclub.keeper.poller import READ, WRITE, Poller
from hotclub.keeper.table import Table
from hotclub.wire import frames, house

#: Frames taken from the daemon before others get their turn.
BATCH = 16
#: Seconds until a frame is tried again that the kernel had no memory or descriptors for.
AGAIN = 0.05
SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD")


class Keeper:
    def __init__(self, command: Command, groups: Groups, held: dict[str, int], *, detached: bool) -> None:
        self._command = command
        self._detached = detached
        self._groups = groups
        self._table = Table()
        self._table.held.update(held)
        self._news = News(self._table)
        self._kin = Kin(self._table, groups)
        births = Births(command.environment, command.descriptors)
        self._orders = Orders(self._table, births, self._kin, groups, self._news)
        self._exits = Exits(self._table, self._kin, self._news, self._daemon_ended)
        self._daemon = Daemon(command, self._news)
        self._poller = Poller()
        self._answering = Answering(self._poller, self._table)
        self._ending = Ending(self._table, self._kin)
        self._wakeup = _wakeup_pipe()
        self._interrupts = 0
        self._stop: int | None = None  #: the last INT or TERM
        self._full = False  #: the daemon's line is, and we wait for room in it
        self._again_at: float | None = None
        self._code: int | None = None

    def run(self) -> int:
        """Until everything has ended; the exit code."""
        self._poller.add(self._wakeup, self._read_signals)
        self._start_daemon()
        while self._code is None:
            self._tell()
            if not self._poller.wait(self._deadline()) and self._groups.waiting:
                self._groups.move_one()
            self._expire(time.monotonic())
        ending.sweep(self._wakeup)
        self._groups.remove()
        return self._code

    # --- time ----------------------------------------------------------------------------------------------------

    def _deadline(self) -> float | None:
        if self._groups.waiting:
            return 0.0
        deadlines = (self._daemon.deadline, self._exits.deadline, self._ending.deadline, self._again_at)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _expire(self, now: float) -> None:
        if self._exits.deadline is not None and now >= self._exits.deadline:
            self._exits.collect()
        if self._daemon.expire(now):
            self._start_daemon()
        self._ending.expire(now)
        if self._ending.over and self._ending.signum is not None and self._daemon.pid is None:
            self._code = 128 + self._ending.signum

    # --- signals -------------------------------------------------------------------------------------------------

    def _read_signals(self) -> None:
        for signum in os.read(self._wakeup, 4096):
            if signum == signal.SIGCHLD:
                continue
            self._signalled(signum)
        self._exits.collect()

    def _signalled(self, signum: int) -> None:
        stops = signum in {signal.SIGINT, signal.SIGTERM}
        if stops:
            self._interrupts += 1
            self._stop = signum
        if stops and self._interrupts >= 3:
            self._code = 128 + signum  # the sweep that follows kills whatever there is
        elif not self._daemon.left_down:
            if signum == signal.SIGUSR1:
                self._news.ping()
            else:
                self._news.signalled(signum, self._interrupts)
        elif stops or (signum == signal.SIGHUP and not self._detached):
            self._ending.begin(signum)
        elif signum in {signal.SIGUSR1, signal.SIGHUP} and self._ending.signum is None:
            self._daemon.retry()

    # --- the daemon ------------------------------------------------------------------------------------------------

    def _start_daemon(self) -> None:
        self._daemon.start(self._answering.end())
        self._kin.daemon = self._daemon.pid
        self._full = False
        if self._daemon.sock is not None:
            self._poller.add(self._daemon.sock.fileno(), self._listen)
        self._speak_for_daemon()

    def _daemon_ended(self, status: int) -> None:
        """All that it said before it died is obeyed before the next one is told how things are."""
        self._daemon.reaped()
        self._kin.daemon = None
        while self._hear():
            pass
        self._hang_up()
        self._daemon.ended(status)
        if self._daemon.code is not None:
            self._code = self._daemon.code
        self._speak_for_daemon()

    def _speak_for_daemon(self) -> None:
        if self._daemon.left_down and not self._answering.active:
            self._answering.begin(
                answering.story(
                    cause=self._daemon.cause,
                    died=self._daemon.died,
                    errors=self._command.errors,
                    last_words=self._daemon.last_words(),
                    keeper=os.getpid(),
                )
            )
            if self._stop is not None:  # asked for while there was still hope that a daemon would obey
                self._ending.begin(self._stop)

    def _listen(self) -> None:
        """Obey what the daemon has said, a batch at a time."""
        for _ in range(BATCH):
            if not self._hear():
                return

    def _hear(self) -> bool:
        """Take and obey one frame; False when there is no other now."""
        sock = self._daemon.sock
        if sock is None:
            return False
        try:
            received = frames.receive(sock)
        except BlockingIOError:
            return False
        except (OSError, frames.FrameError) as wrong:
            self._daemon.abort(f"its line broke: {wrong}")
            received = None
        if received is None:
            self._hang_up()
            return False
        self._obey(*received)
        return True

    def _hang_up(self) -> None:
        """The line is at its end; who was at the other one has a moment to exit."""
        if self._daemon.sock is not None:
            self._poller.remove(self._daemon.sock.fileno())
            self._daemon.sock.close()
            self._daemon.sock = None
            self._daemon.leave()

    def _obey(self, data: bytes, fds: list[int]) -> None:
        try:
            message = house.decode(data)
        except ValueError as wrong:
            for fd in fds:
                os.close(fd)
            self._daemon.abort(f"it sent what is no message: {wrong}")
            return
        if isinstance(message, house.Seen):
            self._news.seen(message.number, time.monotonic())
        elif isinstance(message, house.End):
            self._daemon.leave(code=message.code)
        else:
            try:
                self._orders.obey(message, fds)
            except Exception as wrong:  # noqa: BLE001 - whatever it breaks, the daemon pays, and never the site
                self._daemon.abort(f"it sent an order that makes no sense: {type(wrong).__name__}: {wrong}")

    def _tell(self) -> None:
        """Send what is new, as much as the daemon's line takes."""
        sock, self._again_at = self._daemon.sock, None
        if sock is None:
            return
        while (frame := self._news.next(time.monotonic())) is not None:
            try:
                frames.send(sock, house.encode(frame.message), frame.fds)
            except BlockingIOError as full:
                self._wait_for_room(sock, full)
                return
            except OSError:
                return  # nobody is there any more: the end of the line, or of the process, is the next event
            frame.sent()
        if self._full:
            self._full = False
            self._poller.modify(sock.fileno(), READ)

    def _wait_for_room(self, sock: socket.socket, full: BlockingIOError) -> None:
        if full.errno != errno.EAGAIN:
            self._again_at = time.monotonic() + AGAIN
        elif not self._full:
            self._full = True
            self._poller.modify(sock.fileno(), READ | WRITE)


def _wakeup_pipe() -> int:
    """A descriptor from which the numbers of signals that came can be read."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for name in SIGNALS:
        signum = signal.Signals[name]
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:  # nohup(1) is respected
            signal.signal(signum, _note)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return reading


def _note(_signum: int, _frame: object) -> None:
    """A signal needs a handler to be written to the wake-up pipe; the loop does the rest."""
