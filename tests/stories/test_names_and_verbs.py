"""start, stop, restart, signal: what the names mean, and what becomes of them."""

import json

import pytest
from tests.stories.children import files, program, read

SHOP = (
    program("web", copies=2)
    + program("tasks", copies=2)
    + program("beat")
    + program("redis")
    + '[groups]\nback = ["tasks", "beat"]\n'
)


@pytest.fixture
def shop(site):
    made = site(files(SHOP))
    made.hotclub("up", "-d")
    return made


def _pids(shop):
    return {each["name"]: each["pid"] for each in shop.status()["processes"]}


MEANT = {
    "web": {"web:1", "web:2"},
    "web:2": {"web:2"},
    "redis": {"redis"},
    "redis:1": {"redis"},
    "back:": {"tasks:1", "tasks:2", "beat"},
    "back:*": {"tasks:1", "tasks:2", "beat"},
    "back:tasks": {"tasks:1", "tasks:2"},
    "back:tasks:2": {"tasks:2"},
    "[bw]e*": {"web:1", "web:2", "beat"},
    "*:2": {"web:2", "tasks:2"},
    "*": {"web:1", "web:2", "tasks:1", "tasks:2", "beat", "redis"},
}


def test_a_name_means_programs_copies_groups_and_patterns(shop):
    for name, meant in MEANT.items():
        said = json.loads(shop.hotclub("status", "--json", name).stdout)
        assert {each["name"] for each in said["processes"]} == meant, name


def test_stop_and_start_touch_only_what_is_named(shop):
    before = _pids(shop)
    done = shop.hotclub("stop", "web:2", "back:tasks")
    assert {line.split()[1] for line in done.stdout.splitlines()} == {"web:2", "tasks:1", "tasks:2"}
    states = {each["name"]: each["state"] for each in shop.status()["processes"]}
    assert {name for name, state in states.items() if state == "STOPPED"} == {"web:2", "tasks:1", "tasks:2"}
    shop.hotclub("start", "web:2", "back:*")
    after = _pids(shop)
    assert {name for name in after if after[name] == before[name]} == {"web:1", "beat", "redis"}
    assert all(after.values())


def test_stop_is_content_with_what_is_stopped_already(shop):
    shop.hotclub("stop", "beat")
    assert "beat stopped" in shop.hotclub("stop", "beat").stdout


def test_start_is_content_with_what_runs_already(shop):
    before = _pids(shop)
    assert "web:1 running" in shop.hotclub("start", "web").stdout
    assert _pids(shop) == before


def test_restart_gives_new_processes_and_counts_as_no_crash(shop):
    before = _pids(shop)
    done = shop.hotclub("restart", "web", "beat")
    assert done.stdout.count("running") == 3
    after = _pids(shop)
    assert {name for name in after if after[name] != before[name]} == {"web:1", "web:2", "beat"}
    assert shop.process("web:1")["restarts"] == 0


def test_restart_starts_what_is_stopped(shop):
    shop.hotclub("stop", "beat")
    shop.hotclub("restart", "beat")
    assert shop.process("beat")["state"] == "RUNNING"


def test_outcomes_are_there_as_json_lines(shop):
    lines = [json.loads(line) for line in shop.hotclub("restart", "--json", "web:1").stdout.splitlines()]
    assert lines[0] == {"names": ["web:1"]}
    assert lines[1]["process"] == "web:1"
    assert lines[1]["ok"] is True
    assert lines[-1] == {"done": True, "ok": True}


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "status", "logs"])
def test_an_unknown_name_is_refused_with_a_suggestion(shop, verb):
    before = _pids(shop)
    done = shop.hotclub(verb, "web:1", "tsaks", code=2)
    assert "no process, program or group is called 'tsaks'; did you mean" in done.stderr
    assert "tasks" in done.stderr
    assert _pids(shop) == before


def test_a_start_that_fails_says_why_and_exits_1(site):
    made = site(files(program("bad", "sh sick.sh", start_seconds=0.3, restart="never"), "sick.sh"))
    made.hotclub("up", "-d", code=1)
    done = made.hotclub("start", "bad", code=1)
    assert "bad fatal: exited with status 3" in done.stdout
    made.write("well", "")
    assert "bad running" in made.hotclub("start", "bad").stdout


def test_a_signal_reaches_the_process_and_changes_nothing_else(site, wait_until):
    made = site(files(program("ears", "python3 signals.py"), "signals.py"))
    made.hotclub("up", "-d")
    log = made.log_dir / "ears.log"
    wait_until(lambda: "listening" in read(log))
    pid = made.pid("ears")
    for name in ("HUP", "SIGUSR1", "12"):
        assert "✓ ears" in made.hotclub("signal", name, "ears").stdout
    wait_until(lambda: {"got SIGHUP", "got SIGUSR1", "got SIGUSR2"} <= set(read(log).splitlines()))
    assert made.pid("ears") == pid
    assert made.process("ears")["restarts"] == 0


def test_a_signal_that_kills_is_an_end_like_any_other(site, wait_until):
    made = site(files(program("web", backoff={"first": 0})))
    made.hotclub("up", "-d")
    pid = made.pid("web")
    made.hotclub("signal", "KILL", "web")
    process = wait_until(lambda: made.process("web") if made.process("web")["restarts"] else None)
    assert process["pid"] != pid
    assert process["status"] == -9
    assert process["restarts"] == 1


def test_signalling_what_does_not_run_is_a_failure(shop):
    shop.hotclub("stop", "beat")
    done = shop.hotclub("signal", "HUP", "beat", code=1)
    assert "not running" in done.stdout


def test_an_unknown_signal_is_refused(shop):
    assert "there is no signal NOPE" in shop.hotclub("signal", "NOPE", "web", code=2).stderr


def test_stop_with_kill_does_not_ask(site):
    made = site(files(program("deaf", "sh deaf.sh", stop_timeout=60), "deaf.sh"))
    made.hotclub("up", "-d")
    done = made.hotclub("stop", "--kill", "deaf", timeout=10)
    assert "deaf stopped" in done.stdout
    assert made.process("deaf")["status"] == -9
