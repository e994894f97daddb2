"""The daemon as the verbs see it: always there, although it may die in the middle of an answer.

A question without an answer is asked again, of the next daemon, for some seconds. After two seconds of silence
the keeper is asked to look at its daemon (USR1), so a hung one is found out while somebody waits for it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

from hotclub.client import lock
from hotclub.client.http import Broken, ClientError, Exchange, NotAnswering, NotRunning

PATIENCE = 20.0  #: seconds for a first byte, deaths of daemons included
DOUBT = 2.0  #: seconds of silence after which the keeper is asked to look
AGAIN = 0.05  #: seconds between two attempts
LOOK = 5.0  #: seconds between two looks while a command takes its time

API = "/api/v1"
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~")


def new_op() -> str:
    """A name for one command: asked twice under it, it is obeyed once."""
    return os.urandom(8).hex()


class Daemon:
    """Questions to the daemon of one site.

    `on_silence(seconds)` is called while a command takes its time, so that a verb can say so.
    """

    def __init__(self, socket_path: str, lock_path: str, *, patience: float = PATIENCE) -> None:
        self.socket_path = socket_path
        self.lock_path = lock_path
        self.patience = patience
        self.on_silence: Callable[[float], None] = lambda _: None

    def get(self, target: str, **query: object) -> dict[str, Any]:
        """One JSON document."""
        return self._document("GET", _with_query(target, query), None)

    def post(self, target: str, body: dict[str, object]) -> dict[str, Any]:
        """One command that is answered at once; it should carry an `op`."""
        return self._document("POST", target, body)

    def command(self, method: str, target: str, body: dict[str, object] | None = None) -> Iterator[dict[str, Any]]:
        """The lines of a command's answer, each once; the last has `done`.

        After a broken answer the command is repeated under its `op`, and what was told already is skipped.
        """
        told: set[str] = set()
        while True:
            exchange = self._ask(method, target, body)
            exchange.wait = self._wait_and_look
            for line in _closing(exchange):
                mark = str(line.get("process") or sorted(line))
                if mark not in told:
                    told.add(mark)
                    yield line
                if "done" in line:
                    return

    def follow(self, target: str, mark: tuple[str, str], **query: object) -> Iterator[dict[str, Any]]:
        """The lines of a stream that has positions: `mark` is (query key, line key), such as ("after", "seq")."""
        key, field = mark
        while True:
            exchange = self._ask("GET", _with_query(target, query), None)
            exchange.wait = Exchange.patient
            for line in _closing(exchange):
                if "done" in line:
                    return
                if field in line:
                    query[key] = line[field]
                yield line

    def _document(self, method: str, target: str, body: object) -> dict[str, Any]:
        deadline = time.monotonic() + self.patience
        while True:
            exchange = self._connect(method, target, body, deadline)
            try:
                exchange.wait = self._until(deadline)
                return exchange.document()
            except Broken:
                self._pause(deadline)
            finally:
                exchange.close()

    def _ask(self, method: str, target: str, body: object) -> Exchange:
        """An exchange whose answer has begun."""
        deadline = time.monotonic() + self.patience
        while True:
            exchange = self._connect(method, target, body, deadline)
            exchange.wait = self._until(deadline)
            try:
                exchange.answer()
                return exchange
            except Broken:
                exchange.close()
                self._pause(deadline)
            except BaseException:
                exchange.close()
                raise

    def _connect(self, method: str, target: str, body: object, deadline: float) -> Exchange:
        while True:
            try:
                return Exchange(self.socket_path, method, target, body)
            except (FileNotFoundError, ConnectionRefusedError) as nobody:
                if not lock.held(self.lock_path):
                    raise NotRunning("hotclub is not running") from nobody
            except PermissionError as denied:
                error = f"{self.socket_path} belongs to another user; ask as that user, or as root"
                raise ClientError(error) from denied
            except (BlockingIOError, TimeoutError, ConnectionError):
                lock.tell_keeper(self.lock_path, signal.SIGUSR1)  # nobody accepts: the backlog is full
            self._pause(deadline)

    def _pause(self, deadline: float) -> None:
        """Between two attempts."""
        if time.monotonic() > deadline:
            raise NotAnswering(_silent(self.patience))
        time.sleep(AGAIN)

    def _until(self, deadline: float) -> Callable[[Exchange], None]:
        """The way to wait for the beginning of an answer."""

        def wait(exchange: Exchange) -> None:
            if exchange.readable(DOUBT):
                return
            lock.tell_keeper(self.lock_path, signal.SIGUSR1)
            if not exchange.readable(max(deadline - time.monotonic(), 0.0)):
                raise NotAnswering(_silent(self.patience))

        return wait

    def _wait_and_look(self, exchange: Exchange) -> None:
        started = time.monotonic()
        while not exchange.readable(LOOK):
            lock.tell_keeper(self.lock_path, signal.SIGUSR1)
            self.on_silence(time.monotonic() - started)


def _silent(seconds: float) -> str:
    return f"hotclub runs, and its daemon has not answered within {seconds:.0f} s"


def _closing(exchange: Exchange) -> Iterator[dict[str, Any]]:
    try:
        yield from exchange.lines()
    finally:
        exchange.close()


def _with_query(target: str, query: dict[str, Any]) -> str:
    """Lists repeat their name, None is left out."""
    lists = ((name, value if isinstance(value, list) else [value]) for name, value in query.items())
    pairs = [f"{name}={_quote(str(each))}" for name, values in lists for each in values if each is not None]
    return f"{target}?{'&'.join(pairs)}" if pairs else target


def _quote(text: str) -> str:
    """Percent-encoding; urllib would take longer to import than this whole package."""
    return "".join(chr(byte) if chr(byte) in PLAIN else f"%{byte:02X}" for byte in text.encode())
