"""One exchange with the daemon: connect, ask, read the answer until the connection ends.

The request says HTTP/1.0, so the answer is never chunked and the end of the connection is the end of the body.
How long to wait is not decided here: before each read the exchange calls `wait`, which returns when there is
something to read, or raises.
"""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Callable, Iterator
from typing import Any

CHUNK = 1 << 16
MAX_HEAD = 1 << 16


class ClientError(Exception):
    """Something a verb shows as it is."""


class NotRunning(ClientError):
    """No keeper holds the lock, nobody listens."""


class NotAnswering(ClientError):
    """A keeper is there, and no daemon has answered in time."""


class Refused(ClientError):
    """The daemon has answered, and said no."""

    def __init__(self, status: int, error: str, hint: str = "") -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.hint = hint


class KeeperAnswered(ClientError):
    """The daemon was left down; the keeper itself says why, and what helps."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Broken(ClientError):
    """The connection ended before the answer did."""


class Exchange:
    """One question and its answer."""

    def __init__(self, path: str, method: str, target: str, body: object = None) -> None:
        self.wait: Callable[[Exchange], None] = Exchange.patient
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # A full backlog must not block for ever: with a timeout it raises, and the caller tries again.
            self._socket.settimeout(1.0)
            self._socket.connect(path)
            self._socket.sendall(_request(method, target, body))
            self._socket.settimeout(None)
        except OSError:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def readable(self, seconds: float | None) -> bool:
        """Wait for something to read, an end included."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def patient(self) -> None:
        self.readable(None)

    def answer(self) -> dict[str, str]:
        """Read the head of the answer, and return its headers when all is well; else raise what it says."""
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEAD or not self._more():
                raise Broken("the connection ended before an answer came")
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        version, _, status = first.partition(" ")
        code = int(status[:3]) if status[:3].isdigit() else 0
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        if code == 200:
            return headers
        text = self._rest(headers).decode("utf-8", "replace")
        if code == 503 and version == "HTTP/1.0":
            raise KeeperAnswered(text.strip())
        raise _refusal(code, text)

    def document(self) -> dict[str, Any]:
        """The whole answer as one JSON object."""
        document: dict[str, Any] = json.loads(self._rest(self.answer()))
        return document

    def lines(self) -> Iterator[dict[str, Any]]:
        """One JSON object per line, as they come. A last line that is cut is dropped: the connection broke in it."""
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                yield json.loads(line)
            elif not self._more():
                return

    def _more(self) -> bool:
        self.wait(self)
        try:
            data = self._socket.recv(CHUNK)
        except ConnectionError:
            return False
        self._buffer += data
        return bool(data)

    def _rest(self, headers: dict[str, str]) -> bytes:
        while self._more():
            pass
        length = headers.get("content-length", "")
        if length.isdigit() and len(self._buffer) < int(length):
            raise Broken("the connection ended in the middle of an answer")
        return self._buffer


def _request(method: str, target: str, body: object) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    kind = "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
    return f"{method} {target} HTTP/1.0\r\nHost: hotclub\r\n{kind}\r\n".encode("ascii") + data


def _refusal(code: int, text: str) -> Refused:
    try:
        said = json.loads(text)
        return Refused(code, str(said["error"]), str(said.get("hint") or ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused(code, text.strip() or f"the daemon answered with status {code}")
