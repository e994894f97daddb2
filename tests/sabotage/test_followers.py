"""Followers go through three deaths of the daemon: nothing is lost, nothing comes twice."""

import json
import os
import signal
import subprocess

import pytest
from tests.conftest import COMMAND
from tests.sabotage.houses import daemon_of, kill_daemon

pytestmark = pytest.mark.timeout(60)

LINES = 3000
#: Prints numbered lines, quickly but over a time in which a daemon can die three times.
PRINTER = f"""
import sys, time
for n in range({LINES}):
    sys.stdout.write(f"line {{n}}\\n")
    if n % 10 == 0:
        sys.stdout.flush()
        time.sleep(0.008)
sys.stdout.flush()
time.sleep(600)
"""


class Follower:
    """A `hotclub … -f`, its lines in a file."""

    def __init__(self, site, *args):
        self.path = site.folder / f"{args[0]}.followed"
        with self.path.open("wb") as file:
            self.process = subprocess.Popen(
                [COMMAND, *args], cwd=site.root, env=site.env, stdin=subprocess.DEVNULL, stdout=file
            )

    def lines(self):
        return [json.loads(line) for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)


def die_three_times(site, wait_until):
    for _ in range(3):
        before = kill_daemon(site)
        wait_until(lambda before=before: daemon_of(site) not in (0, before), 10, "another daemon")
        site.status()  # it answers


@pytest.mark.parametrize("form", ["raw", "text", "json"])
def test_logs(form, site, wait_until):
    made = site(
        {
            "printer.py": PRINTER,
            "hotclub.toml": f"""
                [programs.quiet]
                command = "sleep 600"
                start_seconds = 0
                [programs.printer]
                command = ["python3", "printer.py"]
                start_seconds = 0
                log_format = "{form}"
                """,
        }
    )
    made.hotclub("up", "-d", "--only", "quiet")
    follower = Follower(made, "logs", "-f", "-n", "100000", "--json", "printer")
    try:
        made.hotclub("start", "printer")
        die_three_times(made, wait_until)
        expected = [f"line {n}" for n in range(LINES)]
        wait_until(lambda: len(follower.lines()) >= LINES, 20, "all lines")
        assert [line["line"] for line in follower.lines()] == expected
        written = (made.log_dir / "printer.log").read_text().splitlines()
        if form == "raw":
            assert written == expected
        else:
            assert len(written) == LINES
            assert [line.rpartition("line ")[2].strip('"}') for line in written] == [str(n) for n in range(LINES)]
    finally:
        follower.stop()


def test_facts(site, wait_until):
    made = site(
        {
            "hotclub.toml": """
                [programs.busy]
                command = "sleep 0.02"
                start_seconds = 0
                backoff = { first = "0.02s", factor = 1 }
                [programs.calm]
                command = "sleep 600"
                start_seconds = 0
                """
        }
    )
    made.hotclub("up", "-d")
    follower = Follower(made, "facts", "-f", "--json")
    try:
        die_three_times(made, wait_until)
        made.hotclub("stop", "busy")
        last = json.loads(made.hotclub("facts", "--json").stdout.splitlines()[-1])["seq"]
        followed = wait_until(
            lambda: (lines := follower.lines()) and lines[-1]["seq"] >= last and lines, 10, f"fact {last}"
        )
        assert [fact["seq"] for fact in followed] == list(range(1, len(followed) + 1))
        for kind in ("ProcessStarted", "ProcessExited"):
            pids = [fact["pid"] for fact in followed if fact["fact"] == kind]
            assert len(pids) == len(set(pids)) > 10
        assert [fact["boot"] for fact in followed if fact["fact"] == "DaemonStarted"] == [1, 2, 3, 4]
    finally:
        follower.stop()


def test_a_console_that_is_nobody_s_loses_no_line(site, wait_until):
    """What a foreground hotclub prints goes through the same deaths."""
    made = site(
        {
            "printer.py": PRINTER,
            "hotclub.toml": """
                [programs.printer]
                command = ["python3", "printer.py"]
                start_seconds = 0
                """,
        }
    )
    up = made.up(ready=False)
    wait_until(lambda: os.path.exists(made.log_dir / "printer.log"), 10, "its first line")
    die_three_times(made, wait_until)
    last = f"line {LINES - 1}"
    wait_until(lambda: last in up.output, 20, "the last line")
    numbers = [line.rpartition("line ")[2] for line in up.output.splitlines() if "line " in line]
    assert numbers == [str(n) for n in range(LINES)]
