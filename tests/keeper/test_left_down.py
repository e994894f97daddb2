"""Five deaths: the daemon is left down, the site goes on, and whoever asks is told."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from tests.keeper.houses import gone, until

from hotclub.posix import tree
from hotclub.wire import house

pytestmark = pytest.mark.timeout(40)


def leave_down(home, prepare=lambda daemon: None):
    """Kill five daemons; the first may prepare something."""
    for n in range(5):
        daemon = home.daemon()
        daemon.takeover()
        if n == 0:
            prepare(daemon)
        daemon.kill()


def test_the_keeper_answers_in_its_place_and_a_new_try_is_possible(home):
    born = []
    leave_down(home, lambda daemon: born.append(daemon.spawn("a:1#1", "sleep", "600")))
    answer = home.ask()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.0 503 ")
    assert f"Content-Length: {len(body.encode())}" in head
    assert "it was killed by SIGKILL (9)" in body
    assert "puppet: last words" in body
    assert f"kill -USR1 {home.pid}" in body
    assert not gone(born[0].pid)
    assert home.ask() == answer

    home.signal(signal.SIGUSR1)
    daemon = home.daemon()
    messages = daemon.takeover()
    assert messages[0].boot == 6
    assert [message.pid for message in messages if isinstance(message, house.Entry)] == [born[0].pid]


def test_many_callers_who_say_nothing_do_no_harm(home):
    leave_down(home)
    idle = []
    for _ in range(100):
        idle.append(socket.socket(socket.AF_UNIX))
        idle[-1].connect(home.api_path)
    assert "503" in home.ask()
    for each in idle:
        each.close()


def test_pipes_that_fill_are_emptied_and_the_rest_is_kept(home):
    chatty, quiet = os.pipe(), os.pipe()
    line = "0123456789" * 7
    script = f"i=0; while [ $i -lt 3000 ]; do echo {line}; i=$((i+1)); done; exit 9"

    def prepare(daemon):
        daemon.send(house.Hold(names=["log:a:1#1:out", "log:b:1#1:out"]), [chatty[0], quiet[0]])
        daemon.spawn("go#1", "sleep", "600")

    os.write(quiet[1], b"still here")
    leave_down(home, prepare)
    until(lambda: "503" in home.ask())
    # The pipe takes 64 KiB; the script writes three times as much, and ends only if somebody empties it.
    assert subprocess.run(["sh", "-c", script], stdout=chatty[1], timeout=10, check=False).returncode == 9
    home.signal(signal.SIGUSR1)
    daemon = home.daemon()
    messages = daemon.takeover()
    dropped = messages[0].dropped
    assert list(dropped) == ["log:a:1#1:out"]
    os.set_blocking(daemon.kept[1], False)
    rest = 0
    try:
        while part := os.read(daemon.kept[1], 65536):
            rest += len(part)
    except BlockingIOError:
        pass
    assert dropped["log:a:1#1:out"] + rest == 3000 * 71
    assert os.read(daemon.kept[2], 100) == b"still here"
    for fd in (*chatty, *quiet):
        os.close(fd)


@pytest.mark.parametrize("options", [[], ["--detached"]])
def test_hup_stops_a_house_on_a_terminal_and_retries_a_detached_one(make_house, options):
    home = make_house(options=options)
    born = []
    leave_down(home, lambda daemon: born.append(daemon.spawn("a:1#1", "sleep", "600")))
    until(lambda: "503" in home.ask())
    home.signal(signal.SIGHUP)
    if options:
        assert home.daemon().takeover()[0].boot == 6
        assert not gone(born[0].pid)
    else:
        assert home.wait() == 128 + signal.SIGHUP
        assert gone(born[0].pid)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_without_a_daemon(home, signum):
    born = []
    leave_down(home, lambda daemon: born.append(daemon.spawn("a:1#1", "sleep", "600")))
    until(lambda: "503" in home.ask())
    home.signal(signum)
    assert home.wait() == 128 + signum
    assert gone(born[0].pid)


def test_a_second_interrupt_does_not_wait_for_the_deaf(home, tmp_path):
    born, file = [], tmp_path / "pid"

    def prepare(daemon):
        script = f'trap "" TERM; (trap "" TERM; exec setsid sleep 600) & echo $! > {file}; while :; do sleep 600; done'
        born.append(daemon.spawn("a:1#1", "sh", "-c", script))

    leave_down(home, prepare)
    until(lambda: "503" in home.ask())
    home.signal(signal.SIGINT)
    with pytest.raises(Exception, match="timed out"):
        home.wait(0.5)
    home.signal(signal.SIGINT)
    assert home.wait() == 130
    assert gone(born[0].pid)
    assert gone(int(file.read_text()))


def test_an_interrupt_that_no_daemon_obeyed_is_obeyed_in_the_end(home):
    for n in range(5):
        daemon = home.daemon()
        daemon.answers = False
        if n == 2:
            home.signal(signal.SIGINT)
        daemon.kill()
    assert home.wait() == 130


def test_a_daemon_that_cannot_be_started_is_left_down_too(make_house):
    home = make_house(command=["/no/such/python", "-m", "hotclub.daemon"])
    answer = until(home.ask, seconds=10)
    assert "it could not be started: exec: /no/such/python: No such file or directory" in answer


def test_a_daemon_that_fails_at_once_is_quoted(make_house):
    home = make_house(command=[sys.executable, "-c", "raise SystemExit('the reason why')"])
    answer = home.ask()
    assert "it exited with status 1" in answer
    assert "the reason why" in answer
    assert tree.children(home.pid) == []
