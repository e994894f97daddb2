"""The client against a scripted server on a real socket: what it says, and what it does when the other side dies."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hotclub.client import lock
from hotclub.client.http import Exchange, KeeperAnswered, NotAnswering, NotRunning, Refused
from hotclub.client.resume import Daemon, new_op

pytestmark = pytest.mark.timeout(20)

Script = Callable[[socket.socket], object]


class Server:
    """Answers one connection after another, each with the next script."""

    def __init__(self, path: Path) -> None:
        self.requests: list[str] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._threads: list[threading.Thread] = []

    def serve(self, *scripts: Script) -> None:
        thread = threading.Thread(target=self._serve, args=(scripts,), daemon=True)
        thread.start()
        self._threads.append(thread)

    def _serve(self, scripts: tuple[Script, ...]) -> None:
        for script in scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.requests.append(_whole_request(connection))
                script(connection)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


def _whole_request(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while lengths and len(body) < lengths[0]:
        body += connection.recv(65536)
    return (head + b"\r\n\r\n" + body).decode()


def says(status: str, body: str | bytes, *, version: str = "HTTP/1.1", kind: str = "application/json") -> Script:
    data = body.encode() if isinstance(body, str) else body
    head = f"{version} {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n".encode()
    return lambda connection: connection.sendall(head + data)


def streams(*lines: object, cut: str = "") -> Script:
    text = "".join(json.dumps(line) + "\n" for line in lines) + cut
    return lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + text.encode())


def dies(connection: socket.socket) -> None:
    """Accepted, and then closed without a word."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "s")
    yield made
    made.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(str(tmp_path / "s"), str(tmp_path / "lock"), patience=3.0)


class Holder:
    """A process that holds the lock as a keeper does, and prints a line for each USR1."""

    CODE = """
import fcntl, json, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(fd, fcntl.LOCK_EX)
os.write(fd, json.dumps({"keeper": os.getpid(), "house": "h"}).encode())
signal.signal(signal.SIGUSR1, lambda *_: print("poked", flush=True))
print("ready", flush=True)
while True: signal.pause()
"""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", self.CODE, str(path)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.line() == "ready"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Holder]:
    made = Holder(tmp_path / "lock")
    yield made
    made.close()


def test_a_document_is_asked_for_and_read(server: Server, daemon: Daemon) -> None:
    server.serve(says("200 OK", '{"a": 1}'))
    assert daemon.get("/x", name=["web:1", "ä b"], empty=None, none=[]) == {"a": 1}
    assert server.requests[0].startswith("GET /x?name=web%3A1&name=%C3%A4%20b HTTP/1.0\r\nHost: hotclub\r\n")


def test_a_command_is_sent_as_json(server: Server, daemon: Daemon) -> None:
    server.serve(says("200 OK", "{}"))
    daemon.post("/x", {"names": ["web"], "op": "1"})
    assert "Content-Type: application/json" in server.requests[0]
    assert json.loads(server.requests[0].partition("\r\n\r\n")[2]) == {"names": ["web"], "op": "1"}


def test_a_refusal_carries_what_the_daemon_said(server: Server, daemon: Daemon) -> None:
    server.serve(says("404 Not Found", '{"error": "no wep", "hint": "web?"}'), says("500 Oops", "plain"))
    with pytest.raises(Refused) as refused:
        daemon.get("/x")
    assert (refused.value.status, refused.value.error, refused.value.hint) == (404, "no wep", "web?")
    with pytest.raises(Refused, match="plain"):
        daemon.get("/x")


def test_the_keepers_own_answer_is_told_apart(server: Server, daemon: Daemon) -> None:
    text = says("503 Service Unavailable", "it crashed\n", version="HTTP/1.0", kind="text/plain")
    server.serve(text)
    with pytest.raises(KeeperAnswered, match="it crashed"):
        daemon.get("/x")


def test_a_question_that_broke_is_asked_again(server: Server, daemon: Daemon) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"
    server.serve(dies, lambda connection: connection.sendall(half), says("200 OK", '{"b": 2}'))
    assert daemon.post("/x", {"op": "7"}) == {"b": 2}
    assert len(set(server.requests)) == 1, "the same question, under the same op"


def test_a_commands_outcomes_come_once_each(server: Server, daemon: Daemon) -> None:
    names, one, two, done = {"names": ["a", "b"]}, {"process": "a"}, {"process": "b"}, {"done": True, "ok": True}
    server.serve(streams(names, one, cut='{"proc'), dies, streams(names, one, two, done))
    assert list(daemon.command("POST", "/start", {"op": new_op()})) == [names, one, two, done]


def test_following_goes_on_after_the_last_line_seen(server: Server, daemon: Daemon) -> None:
    server.serve(streams({"seq": 4}, {"seq": 5}), streams({"seq": 6}, {"done": True}))
    assert [line["seq"] for line in daemon.follow("/facts", ("after", "seq"), after=3, follow=1)] == [4, 5, 6]
    assert "after=3&follow=1" in server.requests[0]
    assert "after=5&follow=1" in server.requests[1]


def test_nobody_listens(tmp_path: Path, daemon: Daemon) -> None:
    with pytest.raises(NotRunning):
        daemon.get("/x")
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stale.bind(daemon.socket_path)
    stale.close()
    with pytest.raises(NotRunning):
        daemon.get("/x")


def test_while_the_lock_is_held_it_waits_for_the_socket(tmp_path: Path, daemon: Daemon, keeper: Holder) -> None:
    late: list[Server] = []

    def begin() -> None:
        late.append(Server(tmp_path / "s"))
        late[0].serve(says("200 OK", '{"late": true}'))

    timer = threading.Timer(0.3, begin)
    timer.start()
    assert daemon.get("/x") == {"late": True}
    timer.join()
    late[0].close()


def test_silence_has_the_keeper_look_and_then_an_end(server: Server, daemon: Daemon, keeper: Holder) -> None:
    over = threading.Event()
    server.serve(lambda _: over.wait(10))
    started = time.monotonic()
    with pytest.raises(NotAnswering, match="has not answered"):
        daemon.get("/x")
    assert 2.0 < time.monotonic() - started < 6.0
    assert keeper.line() == "poked"
    over.set()


def test_a_slow_command_is_waited_for_and_said(
    server: Server, daemon: Daemon, keeper: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotclub.client.resume.LOOK", 0.05)
    heard = threading.Event()
    daemon.on_silence = lambda _: heard.set()

    def slowly(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"names": []}\n')
        heard.wait(10)
        connection.sendall(b'{"done": true}\n')

    server.serve(slowly)
    assert list(daemon.command("GET", "/up")) == [{"names": []}, {"done": True}]
    assert keeper.line() == "poked"


def test_an_interrupted_stream_leaves_no_socket_open(server: Server, daemon: Daemon) -> None:
    server.serve(streams({"seq": 1}, {"seq": 2}))
    lines = daemon.follow("/facts", ("after", "seq"))
    assert next(lines) == {"seq": 1}
    lines.close()  # type: ignore[attr-defined]


def test_an_exchange_waits_no_longer_than_it_is_told(server: Server, daemon: Daemon) -> None:
    over = threading.Event()
    server.serve(lambda _: over.wait(10))
    exchange = Exchange(daemon.socket_path, "GET", "/x")
    assert not exchange.readable(0.01)
    exchange.close()
    over.set()


def test_the_lock_says_who_runs(tmp_path: Path, keeper: Holder) -> None:
    path = str(tmp_path / "lock")
    assert lock.read(path)["keeper"] == keeper.process.pid
    assert lock.held(path)
    assert lock.tell_keeper(path, signal.SIGUSR1)
    assert keeper.line() == "poked"


def test_a_lock_nobody_holds(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert lock.read(str(path)) == {}
    assert not lock.held(str(path))
    path.write_text(json.dumps({"keeper": os.getpid()}))
    assert not lock.held(str(path))
    assert not lock.tell_keeper(str(path), signal.SIGKILL), "a number in a file that nobody holds is no keeper"
    path.write_text("no json")
    assert lock.read(str(path)) == {}


def test_testing_the_lock_does_not_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    assert not lock.held(str(path))
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_client_starts_in_a_blink() -> None:
    code = "import sys, hotclub.client.resume; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"asyncio", "email", "http", "urllib.parse", "msgspec", "dataclasses", "hotclub.daemon", "hotclub.posix"}
    assert not heavy & set(loaded)
