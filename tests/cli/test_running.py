"""The installed command on a site that runs: every verb, its exit code, and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(60)

COMMAND = str(Path(sys.executable).with_name("hotclub"))

TOML = """
[programs.web]
command = "sleep 1000"
copies = 2
start_seconds = 0

[programs.talk]
command = "sh -c 'n=0; while :; do n=$((n+1)); echo line $n; sleep 0.05; done'"
start_seconds = 0
stop_group = true

[programs.migrate]
command = "true"
kind = "task"

[groups]
back = ["talk"]
"""


@pytest.fixture
def running(site: Callable[..., Any]) -> Any:
    made = site({"hotclub.toml": TOML})
    made.hotclub("up", "-d")
    yield made
    made.hotclub("down")


def test_up_and_down(site: Callable[..., Any], wait_until: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    said = made.hotclub("up", "-d").stdout
    assert "web:1 running" in said
    assert "is up" in said
    keeper = made.keeper
    lock = json.loads((made.run_dir / "lock").read_text())
    assert lock["keeper"] == keeper
    assert lock["mode"] == "detached"
    assert (made.run_dir / "api.sock").stat().st_mode & 0o777 == 0o600
    said = made.hotclub("down").stdout
    assert "is down" in said
    assert made.processes() == {}, "down returns when nothing is left"
    assert "is not running" in made.hotclub("down").stdout


def test_up_in_the_foreground_is_the_keeper(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    up = made.up()
    assert made.keeper == up.pid
    assert up.stop(signal.SIGTERM) == 0


def test_only_and_except(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    made.hotclub("up", "-d", "--only", "web", "--except", "web:2", code=None)
    states = {each["id"]: each["wanted"] for each in made.status()["processes"]}
    assert not states["talk:1"]
    made.hotclub("down")
    made.hotclub("up", "-d", "--except", "back:")
    states = {each["id"]: each["wanted"] for each in made.status()["processes"]}
    assert states == {"web:1": True, "web:2": True, "talk:1": False, "migrate:1": True}
    made.hotclub("down")


def test_a_second_up_says_who_runs(running: Any) -> None:
    said = running.hotclub("up", code=5).stdout
    assert "already running in the background" in said
    assert f"pid {running.keeper}" in said
    assert str(running.run_dir / "api.sock") in said
    assert "hotclub down" in said


def test_a_stale_socket_and_a_stale_lock_are_replaced(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    made.run_dir.mkdir(mode=0o700)
    (made.run_dir / "lock").write_text('{"keeper": 1, "house": "gone"}')
    (made.run_dir / "daemon.err").write_text("words of yesterday")
    subprocess.run([sys.executable, "-c", "import socket, sys; socket.socket(1).bind(sys.argv[1])",
                    str(made.run_dir / "api.sock")], check=True)  # fmt: skip
    made.hotclub("up", "-d")
    assert (made.run_dir / "daemon.err.old").read_text() == "words of yesterday"
    made.hotclub("down")


def test_two_at_once(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    both = [_follow(made, "up", "-d") for _ in range(2)]
    said = [each.communicate(timeout=30)[0] for each in both]
    assert sorted(each.returncode for each in both) == [0, 5], said
    made.hotclub("down")


def test_strays_of_the_house_before_are_killed(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    made.run_dir.mkdir(mode=0o700)
    (made.run_dir / "lock").write_text('{"keeper": 1, "house": "0123beef"}')
    stray = subprocess.Popen(["sleep", "1000"], env={**made.env, "HOTCLUB_HOUSE": "0123beef"})
    said = made.hotclub("up", "-d")
    assert f"killed sleep ({stray.pid}), left over from the last run" in said.stderr
    assert stray.wait(5) == -signal.SIGKILL
    made.hotclub("down")


def test_what_does_not_start_fails_up_with_the_reason(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML + '\n[programs.bad]\ncommand = "false"\nkind = "task"\n'})
    done = made.hotclub("up", "-d", code=1)
    assert "✗ bad" in done.stdout
    assert "hotclub logs bad" in done.stderr
    assert made.process("web:1")["state"] == "RUNNING"
    assert "bad" in made.hotclub("status", code=4).stdout
    made.hotclub("down")


def test_an_essential_programs_code_is_ups(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML + "\n[programs.core]\ncommand = \"sh -c 'exit 7'\"\nessential = true\n"})
    assert "exit code 7" in made.hotclub("up", "-d", code=7).stderr
    up = made.up(ready=False)
    assert up.wait() == 7


def test_status(running: Any) -> None:
    said = running.hotclub("status").stdout
    assert said.splitlines()[0].split() == ["NAME", "STATE", "PID", "UPTIME", "WHY"]
    assert f"web:2    RUNNING  {running.pid('web:2')}" in said
    assert "talk:1" not in said
    assert str(running.log_dir) in running.hotclub("status", "-v").stdout
    assert [line.split()[0] for line in running.hotclub("status", "back:*").stdout.splitlines()[1:]] == ["talk"]
    assert "did you mean" in running.hotclub("status", "wep", code=2).stderr


def test_from_a_folder_below_and_by_file(running: Any) -> None:
    below = running.root / "deep" / "er"
    below.mkdir(parents=True)
    env = {**running.env, "PWD": str(below)}
    done = subprocess.run([COMMAND, "status"], cwd=below, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    running.hotclub("status", "-c", str(running.root), cwd="/")


def test_stop_start_restart_signal(running: Any) -> None:
    before = running.pid("web:1"), running.pid("web:2")
    assert running.hotclub("stop", "web:2").stdout == "✓ web:2 stopped\n"
    assert running.process("web:2")["state"] == "STOPPED"
    assert running.hotclub("start", "web").stdout == "✓ web:1 running\n✓ web:2 running\n"
    assert running.pid("web:1") == before[0]
    running.hotclub("restart", "web:1")
    assert running.pid("web:1") not in before
    lines = running.hotclub("restart", "--json", "back:*").stdout.splitlines()
    assert json.loads(lines[-1]) == {"done": True, "ok": True}
    running.hotclub("stop", "--kill", "back:talk")
    said = running.hotclub("signal", "CONT", "web", "talk", code=1).stdout
    assert "✓ web:1  signalled" in said
    assert "✗ talk  not running" in said
    assert not json.loads(running.hotclub("signal", "CONT", "talk", "--json", code=1).stdout)["ok"]
    assert "no signal NOSUCH" in running.hotclub("signal", "NOSUCH", "web", code=2).stderr


def test_ps(running: Any) -> None:
    said = running.hotclub("ps").stdout
    assert "programs.web in hotclub.toml:1, copy 2 of 2" in said
    assert "├─ daemon" in said
    assert "processes," in said
    document = json.loads(running.hotclub("ps", "--json").stdout)
    roles = [line["role"] for line in document["processes"]]
    assert roles[:1] == ["keeper"]
    assert roles.count("program") == 3
    assert "sleep 1000" in running.hotclub("ps", "--command").stdout


def test_apply(running: Any) -> None:
    assert "nothing changes" in running.hotclub("apply").stdout
    running.write(
        "hotclub.toml", TOML.replace("copies = 2", "copies = 3").replace("[programs.migrate]", "[programs.mig]")
    )
    plan = running.hotclub("apply", "--plan").stdout
    assert "changed while it runs: copies" in plan
    assert "+ mig" in plan
    assert "- migrate" in plan
    before = running.pid("web:1")
    said = running.hotclub("apply").stdout
    assert "✓ web:3 running" in said
    assert running.pid("web:1") == before
    running.write("hotclub.toml", "[programs.web]\ncomand = 'x'\n")
    refused = running.hotclub("apply", code=2).stderr
    assert "hotclub.toml:2" in refused
    assert "old configuration stays in force" in refused
    assert running.pid("web:1") == before


def test_logs(running: Any, wait_until: Callable[..., Any]) -> None:
    wait_until(lambda: "line 3" in running.hotclub("logs", "talk").stdout)
    assert running.hotclub("logs", "-n", "1", "talk").stdout.count("\n") == 1
    assert "talk | line 2\n" in running.hotclub("logs", "--grep", "line 2$").stdout
    assert json.loads(running.hotclub("logs", "-n", "1", "--json", "talk").stdout)["name"] == "talk"
    assert "is no time" in running.hotclub("logs", "--since", "x", code=2).stderr
    assert "regular expression" in running.hotclub("logs", "--grep", "(", code=2).stderr


def _follow(running: Any, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, *words], cwd=running.root, env=running.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_followed_logs_survive_the_daemon(running: Any, wait_until: Callable[..., Any]) -> None:
    follower = _follow(running, "logs", "-f", "--json", "talk")
    assert follower.stdout is not None
    seen = [json.loads(follower.stdout.readline())["line"] for _ in range(5)]
    daemon = running.daemon
    os.kill(daemon, signal.SIGKILL)
    seen += [json.loads(follower.stdout.readline())["line"] for _ in range(40)]
    wait_until(lambda: running.daemon != daemon)
    numbers = [int(line.split()[1]) for line in seen]
    assert numbers == list(range(numbers[0], numbers[0] + 45))
    follower.send_signal(signal.SIGINT)
    _, errors = follower.communicate(timeout=10)
    assert (follower.returncode, errors) == (130, "")


def test_followed_facts_end_with_the_house(running: Any) -> None:
    follower = _follow(running, "facts", "-f", "--json")
    assert follower.stdout is not None
    assert json.loads(follower.stdout.readline())["seq"] == 1
    running.hotclub("down")
    out = follower.stdout.read()
    follower.communicate(timeout=10)
    assert follower.returncode == 0
    assert "Stopping" in out
    numbers = [json.loads(line)["seq"] for line in out.splitlines()]
    assert numbers == list(range(2, 2 + len(numbers)))


def test_facts_for_people(running: Any) -> None:
    said = running.hotclub("facts").stdout
    assert "ProcessReady" in said
    assert "DaemonStarted" in said


def test_a_command_goes_on_when_the_daemon_dies(site: Callable[..., Any], wait_until: Callable[..., Any]) -> None:
    slow = """
        [programs.slow]
        command = "sh -c 'trap \\"sleep 1; exit 0\\" TERM; while :; do sleep 0.05; done'"
        start_seconds = 0
    """
    made = site({"hotclub.toml": slow})
    made.hotclub("up", "-d")
    stopping = _follow(made, "stop", "slow")
    made.wait_state("slow", "STOPPING")
    os.kill(made.daemon, signal.SIGKILL)
    out, errors = stopping.communicate(timeout=15)
    assert stopping.returncode == 0, errors
    assert out.count("✓ slow") == 1
    made.hotclub("down")


def test_an_interrupted_wait_is_130(running: Any) -> None:
    running.write("hotclub.toml", TOML + '\n[programs.late]\ncommand = "sleep 99"\nready = {exec = "false"}\n')
    applying = _follow(running, "apply")
    assert applying.stdout is not None
    while "unchanged" not in applying.stdout.readline():
        pass
    applying.send_signal(signal.SIGINT)
    _, errors = applying.communicate(timeout=10)
    assert (applying.returncode, errors) == (130, "")


def test_down_when_the_daemon_is_left_down(running: Any, wait_until: Callable[..., Any]) -> None:
    """Five deaths in a minute: the keeper answers by itself, `up` has it try again, `down` ends everything."""
    for _ in range(5):
        daemon = running.daemon
        os.kill(daemon, signal.SIGKILL)
        wait_until(
            lambda daemon=daemon: running.hotclub("status", code=None).returncode == 6 or running.daemon != daemon
        )
    said = running.hotclub("status", code=6)
    assert "Traceback" not in said.stderr
    revived = running.hotclub("up")
    assert "has a daemon again" in revived.stdout
    assert running.pid("web:1")


def test_a_dumb_daemon_does_not_hinder_down(running: Any) -> None:
    """SIGSTOP: the keeper finds it out because somebody waits, and the next daemon stops everything."""
    os.kill(running.daemon, signal.SIGSTOP)
    started = time.monotonic()
    running.hotclub("down", timeout=50)
    assert time.monotonic() - started < 40
    assert running.processes() == {}
