"""`kill -9` of the keeper: everything stops, nothing is left, and the next `up` works."""

import json
import os
import random
import signal
import socket
import time

import pytest
from tests.conftest import alive
from tests.sabotage.houses import daemon_of, keeper_of

from hotclub.posix import cgroup

pytestmark = pytest.mark.timeout(60)

#: Children of several kinds: in a session of their own, double-forked, deaf to TERM. Each notes its pid.
STRAYS = """
import os, signal, sys, time

def note():
    with open("../pids", "a") as file:
        file.write(f"{os.getpid()}\\n")

def stay():
    note()
    while True:
        time.sleep(600)

signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    stay()
if os.fork() == 0:
    if os.fork():
        os._exit(0)
    os.setsid()
    stay()
stay()
"""
SERVER = """
import socket, time
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", int(open("../port").read())))
listening.listen()
open("../pids", "a").write(f"{__import__('os').getpid()}\\n")
while True:
    listening.accept()[0].close()
"""
SITE = """
[programs.server]
command = ["python3", "server.py"]
ready = { tcp = "127.0.0.1:PORT" }
stop_timeout = "0.3s"
[programs.strays]
command = ["python3", "strays.py"]
start_seconds = 0
stop_timeout = "0.3s"
[programs.calm]
command = "sleep 600"
copies = 5
start_seconds = 0
stop_timeout = "0.3s"
[programs.busy]
command = "sleep 0.05"
copies = 5
start_seconds = 0
stop_timeout = "0.3s"
backoff = { first = "0.02s", factor = 1 }
"""


@pytest.fixture
def loaded(site):
    """A site that has something of everything, and changes all the time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = site({"hotclub.toml": SITE.replace("PORT", str(port)), "strays.py": STRAYS, "server.py": SERVER})
    (made.folder / "port").write_text(str(port))
    made.port = port
    return made


def noted(made):
    try:
        return [int(line) for line in (made.folder / "pids").read_text().splitlines()]
    except FileNotFoundError:
        return []


def running(made):
    """Everything of the house is there."""
    status = made.hotclub("status", "--json", code=None)
    if len(noted(made)) < 4 or status.returncode not in (0, 4):
        return False
    processes = json.loads(status.stdout)["processes"]
    return all(each["state"] == "RUNNING" for each in processes if each["program"] != "busy")


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def kill(pid):
    assert pid
    os.kill(pid, signal.SIGKILL)


def left(made):
    return {**made.processes(), **{pid: "noted" for pid in noted(made) if alive(pid)}}


def wait_for_nothing_left(made, wait_until, deadline=10):
    found: dict[int, str] = {}

    def nothing_left():
        found.clear()
        found.update(left(made))
        return not found

    try:
        wait_until(nothing_left, deadline)
    except AssertionError:
        raise AssertionError(f"left after {deadline} s: {found}") from None


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_left(seed, loaded, wait_until):
    made = loaded
    up = made.up(ready=False)
    wait_until(lambda: running(made), 15, "everything runs")
    time.sleep(random.Random(seed).random() * 0.3)  # a moment in the load
    up.process.kill()
    up.process.wait()
    wait_for_nothing_left(made, wait_until)
    assert port_is_free(made.port)
    if seed < 2:
        (made.folder / "pids").unlink()
        made.up(ready=False)
        wait_until(lambda: running(made), 15, "everything runs again")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_left_while_it_starts(seed, loaded, wait_until):
    """At a moment at which there is perhaps no daemon yet, or one that has just begun to take over."""
    made = loaded
    up = made.up(ready=False)
    wait_until(lambda: keeper_of(made) == up.pid, 5, "the keeper")
    time.sleep(random.Random(f"start {seed}").random() * 0.8)
    up.process.kill()
    up.process.wait()
    wait_for_nothing_left(made, wait_until, 20)
    made.hotclub("status", code=3)


def test_a_daemon_that_takes_over_at_that_moment_stops_everything(loaded, wait_until):
    made = loaded
    up = made.up(ready=False)
    wait_until(lambda: running(made), 15, "everything runs")
    before = daemon_of(made)
    kill(before)
    wait_until(lambda: daemon_of(made) not in (0, before), 5, "another daemon")
    up.process.kill()
    up.process.wait()
    wait_for_nothing_left(made, wait_until, 20)


@pytest.mark.parametrize("verb", ["up", "down"])
def test_both_at_once(verb, loaded, wait_until):
    """Nobody is left to clean up; whoever comes next does."""
    made = loaded
    up = made.up(ready=False)
    wait_until(lambda: running(made), 15, "everything runs")
    pids = noted(made)
    daemon = daemon_of(made)
    kill(up.pid)
    kill(daemon)
    up.process.wait()
    wait_until(lambda: not alive(daemon), 5, "the daemon is gone")
    assert any(map(alive, pids))
    made.hotclub("status", code=3)
    if verb == "down":
        said = made.hotclub("down")
        assert said.stderr.count("left over from the last run") >= len(pids)
    else:
        made.up(ready=False)
        wait_until(lambda: running(made) and len(noted(made)) >= 2 * len(pids), 15, "everything runs again")
    assert not any(map(alive, pids))


@pytest.mark.skipif(cgroup.place() is None, reason="no cgroup v2 can be written here")
def test_by_its_control_group_even_a_stranger_is_found(loaded, wait_until):
    """It has another environment, another session and another parent."""
    made = loaded
    made.write("hotclub.toml", SITE.partition("[programs.strays]")[0].replace("PORT", str(made.port)) + """
[programs.stranger]
command = ["/bin/sh", "-c", "sleep 0.3; env -i setsid python3 stranger.py & exec sleep 600"]
start_seconds = 0
stop_timeout = "0.3s"
""")  # fmt: skip
    made.write("stranger.py", STRAYS)
    up = made.up(ready=False)
    wait_until(lambda: len(noted(made)) >= 4, 15, "everything runs")
    up.process.kill()
    up.process.wait()
    wait_for_nothing_left(made, wait_until)
