"""A daemon that dies again and again is left down: the site runs on, whoever asks is told the cure, which works."""

import os
import signal
import time

import pytest
from tests.conftest import alive
from tests.sabotage.houses import check_facts, daemon_of, facts_of, keeper_of, kill_daemon

pytestmark = pytest.mark.timeout(60)

#: Says where it is after each line, so that one that is blocked can be told from one that is not.
CHATTY = """
import os, time
n = 0
while True:
    os.write(1, b"x" * 999 + b"\\n")
    n += 1
    with open("../progress.new", "w") as file:
        file.write(str(n))
    os.replace("../progress.new", "../progress")
    time.sleep(0.001)
"""
SITE = """
[programs.calm]
command = "sleep 600"
start_seconds = 0
stop_timeout = "2s"
[programs.chatty]
command = ["python3", "chatty.py"]
start_seconds = 0
stop_timeout = "2s"
"""


@pytest.fixture
def left_down(site, wait_until):
    """A house whose daemon was killed five times; and the status before."""
    made = site({"hotclub.toml": SITE, "chatty.py": CHATTY})
    made.hotclub("up", "-d")
    before = made.status()
    for _ in range(5):
        pid = kill_daemon(made)
        wait_until(lambda pid=pid: not alive(pid), 5, "the daemon's death")
    wait_until(lambda: made.hotclub("status", code=None).returncode == 6, 5, "it is left down")
    return made, before


def progress(made):
    try:
        return int((made.folder / "progress").read_text() or 0)
    except FileNotFoundError:
        return 0


def test_it_is_explained_and_nothing_blocks(left_down, wait_until):
    made, before = left_down
    pids = {each["id"]: each["pid"] for each in before["processes"]}
    said = made.hotclub("status", code=6)
    assert f"kill -USR1 {before['keeper']['pid']}" in said.stdout + said.stderr
    assert daemon_of(made) == 0
    begun = progress(made)
    wait_until(lambda: progress(made) > begun + 500, 20, "500 kB more than a pipe takes")

    again = made.hotclub("up", code=None)
    assert again.returncode == 0, again.stdout + again.stderr
    status = made.status()
    assert {each["id"]: each["pid"] for each in status["processes"]} == pids
    facts = facts_of(made)
    check_facts(facts, pids)
    dropped = [fact for fact in facts if fact["fact"] == "LogTroubled"]
    assert [fact["process"] for fact in dropped] == ["chatty:1"]
    assert dropped[0]["dropped"] > 0
    made.hotclub("down")
    assert made.processes() == {}


def test_a_signal_revives_it(left_down, wait_until):
    made, before = left_down
    os.kill(keeper_of(made), signal.SIGUSR1)
    status = made.status()
    assert [each["pid"] for each in status["processes"]] == [each["pid"] for each in before["processes"]]


def test_an_exit_meanwhile_is_accounted_for_afterwards(left_down, wait_until):
    made, before = left_down
    calm = next(each["pid"] for each in before["processes"] if each["program"] == "calm")
    os.kill(calm, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{calm}"), 5, "calm is reaped")
    os.kill(keeper_of(made), signal.SIGUSR1)
    made.wait_state("calm", "RUNNING")
    exits = [fact for fact in facts_of(made) if fact["fact"] == "ProcessExited"]
    assert [(fact["process"], fact["status"]) for fact in exits] == [("calm:1", -9)]


def test_down_works_without_a_daemon(left_down):
    made, before = left_down
    begun = time.monotonic()
    made.hotclub("down")
    assert time.monotonic() - begun < 10
    assert made.processes() == {}
    made.hotclub("status", code=3)
    made.hotclub("up", "-d")
    assert made.status()["house"] != before["house"]
