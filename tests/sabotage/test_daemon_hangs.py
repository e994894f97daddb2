"""A daemon that hangs is found out while somebody waits for it; one that is killed is replaced quickly."""

import os
import signal
import statistics
import subprocess
import time

import pytest
from tests.conftest import COMMAND
from tests.sabotage.houses import daemon_of, facts_of, kill_daemon

from hotclub.client.resume import API, Daemon

pytestmark = pytest.mark.timeout(60)

SITE = """
[programs.web]
command = "sleep 600"
copies = 20
start_seconds = 0
"""


def test_a_stopped_daemon_is_noticed_and_cured(site):
    made = site({"hotclub.toml": SITE})
    made.hotclub("up", "-d")
    before = made.status()
    os.kill(before["daemon"]["pid"], signal.SIGSTOP)
    begun = time.monotonic()
    status = made.status()  # this client waits, doubts, and pokes the keeper
    print(f"SIGSTOP of the daemon: the answer came after {time.monotonic() - begun:.1f} s")
    assert status["daemon"]["pid"] != before["daemon"]["pid"]
    assert status["keeper"] == before["keeper"]
    assert [each["pid"] for each in status["processes"]] == [each["pid"] for each in before["processes"]]
    told = [fact for fact in facts_of(made) if fact["fact"] == "DaemonStarted"]
    assert "it hung" in told[-1]["cause"]


def test_a_daemon_that_only_paused_goes_on(site, wait_until):
    made = site({"hotclub.toml": SITE})
    made.hotclub("up", "-d")
    daemon = made.daemon
    os.kill(daemon, signal.SIGSTOP)
    try:
        client = subprocess.Popen([COMMAND, "stop", "web:1"], cwd=made.root, env=made.env, stdout=subprocess.DEVNULL)
        time.sleep(0.5)  # while it is stopped, somebody asks
    finally:
        os.kill(daemon, signal.SIGCONT)
    assert client.wait(10) == 0
    assert made.daemon == daemon
    assert made.process("web:1")["state"] == "STOPPED"


def test_takeover_is_quick(site, wait_until):
    made = site({"hotclub.toml": SITE})
    made.hotclub("up", "-d")
    client = Daemon(str(made.run_dir / "api.sock"), str(made.run_dir / "lock"))
    times = []
    for _ in range(3):
        before = kill_daemon(made)
        begun = time.monotonic()
        while client.get(f"{API}/status")["daemon"]["pid"] == before:
            pass
        times.append(time.monotonic() - begun)
        assert daemon_of(made) != before
    print(f"kill -9 of the daemon → first answered status: {', '.join(f'{each:.2f}' for each in times)} s")
    assert statistics.median(times) < 5
