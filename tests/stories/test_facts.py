"""What happened, numbered: for looking back, and for following without missing anything."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.stories.children import files, program, read

COMMAND = str(Path(sys.executable).with_name("hotclub"))


def _facts(made, *words):
    return [json.loads(line) for line in made.hotclub("facts", "--json", *words).stdout.splitlines()]


def test_the_life_of_a_process_is_told_in_order(site):
    made = site(files(program("web")))
    made.hotclub("up", "-d")
    made.hotclub("stop", "web")
    facts = _facts(made)
    assert [fact["seq"] for fact in facts] == list(range(1, len(facts) + 1))
    assert [fact["fact"] for fact in facts] == [
        "DaemonStarted",
        "ProcessStarted",
        "ProcessReady",
        "ProcessStopping",
        "ProcessExited",
    ]
    assert facts[-1]["expected"] is True
    assert facts[-1]["status"] == -15
    assert facts == _facts(made, "--after", "0")
    assert facts[3:] == _facts(made, "--after", "3")


def test_facts_are_readable(site):
    made = site(files(program("web")))
    made.hotclub("up", "-d")
    (line,) = [each for each in made.hotclub("facts").stdout.splitlines() if "ProcessReady" in each]
    assert "web" in line
    assert f"pid={made.pid('web')}" in line


def test_following_facts_goes_on_with_the_next_daemon_and_misses_nothing(site, wait_until):
    made = site(files(program("web", copies=2)))
    made.hotclub("up", "-d")
    out = made.folder / "facts"
    with out.open("wb") as file:
        following = subprocess.Popen(
            [COMMAND, "facts", "-f", "--json"], cwd=made.root, env=made.env, stdout=file, stderr=subprocess.DEVNULL
        )
    try:
        for boot in (2, 3):
            made.hotclub("restart", "web:1")
            os.kill(made.daemon, signal.SIGKILL)
            made.hotclub("restart", "web:2")
            wait_until(lambda boot=boot: made.status()["boot"] == boot)
        last = _facts(made)[-1]["seq"]

        def followed():
            return [json.loads(line) for line in read(out).split("\n")[:-1]]

        wait_until(lambda: followed() and followed()[-1]["seq"] == last)
        assert [fact["seq"] for fact in followed()] == list(range(1, last + 1))
        assert [fact["boot"] for fact in followed() if fact["fact"] == "DaemonStarted"] == [1, 2, 3]
        assert followed() == _facts(made)
        made.hotclub("down")
        assert following.wait(10) == 0
    finally:
        following.kill()
        following.wait()


def test_the_next_daemon_says_how_the_last_one_ended(site, wait_until):
    made = site(files(program("web")))
    made.hotclub("up", "-d")
    pid, before = made.pid("web"), made.daemon
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: made.daemon != before)
    assert made.pid("web") == pid
    assert made.process("web")["restarts"] == 0
    assert "SIGKILL" in _facts(made)[-1]["cause"]


def test_hotclubs_own_log_says_the_same_in_words(site):
    made = site(files(program("web")))
    made.hotclub("up", "-d")
    made.hotclub("restart", "web")
    made.hotclub("down")
    said = [line.split(" ", 1)[1] for line in read(made.log_dir / "hotclub.log").splitlines()]
    assert said[0].startswith("daemon 1 started")
    assert said[1].startswith("web started, pid ")
    assert said[2] == "web is ready"
    assert any("hotclub is stopping: hotclub down" in line for line in said)
