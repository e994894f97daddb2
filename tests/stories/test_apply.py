"""A changed configuration is put in force: only what changed is touched, and a bad file harms nothing."""

import json
import os
import signal

import pytest
from tests.stories.children import files, program, sh

SHOP = program("web") + program("tasks", copies=2) + program("beat")


@pytest.fixture
def shop(site):
    made = site(files(SHOP))
    made.hotclub("up", "-d")
    return made


def _pids(shop):
    return {each["id"]: each["pid"] for each in shop.status()["processes"]}


def _facts(shop, kind):
    facts = map(json.loads, shop.hotclub("facts", "--json").stdout.splitlines())
    return [fact for fact in facts if fact["fact"] == kind]


def test_nothing_changes_when_nothing_changed(shop):
    before = _pids(shop)
    assert "nothing changes" in shop.hotclub("apply").stdout
    assert _pids(shop) == before


def test_the_plan_says_what_would_be_done_and_does_nothing(shop):
    before = _pids(shop)
    shop.write(
        "hotclub.toml",
        program("web", "sleep 2000") + program("tasks", copies=2, stop_timeout=3) + program("redis"),
    )
    lines = shop.hotclub("apply", "--plan").stdout.splitlines()
    assert set(lines) == {
        "~ web  restart: command",
        "~ tasks  changed while it runs: stop_timeout",
        "+ redis  new",
        "- beat  removed, will be stopped",
        "0 unchanged",
    }
    assert _pids(shop) == before
    assert "sleep 2000" not in "".join(shop.processes().values())


def test_the_plan_is_there_as_json(shop):
    shop.write("hotclub.toml", SHOP + program("redis"))
    plan, done = map(json.loads, shop.hotclub("apply", "--plan", "--json").stdout.splitlines())
    actions = {change["program"]: change["action"] for change in plan["plan"]["changes"]}
    assert actions == {"web": "unchanged", "tasks": "unchanged", "beat": "unchanged", "redis": "added"}
    assert done == {"done": True, "ok": True}


def test_only_what_changed_is_restarted(shop):
    before = _pids(shop)
    shop.write("hotclub.toml", SHOP.replace("[programs.web]", '[programs.web]\nenv = { COLOUR = "red" }'))
    done = shop.hotclub("apply")
    assert "~ web  restart: env" in done.stdout
    assert "web running" in done.stdout
    assert "2 unchanged" in done.stdout
    after = _pids(shop)
    assert {name for name in after if after[name] != before[name]} == {"web:1"}
    assert shop.process("web")["restarts"] == 0


def test_a_live_change_keeps_the_process_and_counts_from_then_on(site, wait_until):
    made = site(files(program("deaf", "sh deaf.sh", stop_timeout=60), "deaf.sh"))
    made.hotclub("up", "-d")
    wait_until(lambda: "deaf" in made.hotclub("logs", "deaf").stdout)
    pid = made.pid("deaf")
    made.write("hotclub.toml", program("deaf", "sh deaf.sh", stop_timeout="200ms"))
    assert "changed while it runs: stop_timeout" in made.hotclub("apply").stdout
    assert made.pid("deaf") == pid
    made.hotclub("stop", "deaf", timeout=10)
    assert made.process("deaf")["status"] == -9


def test_copies_go_up_and_down(shop):
    before = _pids(shop)
    shop.write("hotclub.toml", SHOP.replace("copies = 2", "copies = 4"))
    done = shop.hotclub("apply")
    assert "tasks:4 running" in done.stdout
    grown = _pids(shop)
    assert before.items() <= grown.items()
    assert grown.keys() - before.keys() == {"tasks:3", "tasks:4"}
    shop.write("hotclub.toml", SHOP.replace("copies = 2", "copies = 1"))
    shop.hotclub("apply")
    shrunk = _pids(shop)
    assert shrunk.keys() == {"web:1", "tasks:1", "beat:1"}
    assert shrunk.items() <= grown.items()
    assert shop.process("tasks:1")["name"] == "tasks"


def test_programs_come_and_go(shop):
    before = _pids(shop)
    shop.write("hotclub.toml", program("redis") + program("web", after=["redis"]) + program("tasks", copies=2))
    shop.hotclub("apply")
    after = _pids(shop)
    assert list(after) == ["redis:1", "web:1", "tasks:1", "tasks:2"]
    assert after["web:1"] == before["web:1"]  # `after` matters at the next start only
    assert "beat" in shop.hotclub("status", "beat", code=2).stderr


def test_a_restart_that_fails_says_so(shop):
    shop.write("hotclub.toml", SHOP + program("bad", sh("exit 3"), start_seconds=0.2, restart="never"))
    done = shop.hotclub("apply", code=1)
    assert "bad fatal: exited with status 3" in done.stdout


def test_what_was_stopped_by_hand_stays_stopped(shop):
    shop.hotclub("stop", "beat")
    shop.write("hotclub.toml", SHOP.replace("copies = 2", "copies = 3"))
    shop.hotclub("apply")
    assert shop.process("beat")["state"] == "STOPPED"


def test_what_failed_is_tried_again_when_it_was_changed(site):
    made = site(files(program("web", sh("exit 3"), restart="never", start_seconds=0.2)))
    made.hotclub("up", "-d", code=1)
    made.write("hotclub.toml", program("web", restart="never"))
    made.hotclub("apply")
    assert made.process("web")["state"] == "RUNNING"


BAD = {
    "no TOML": "[programs.web",
    "an unknown key": program("web", colour="red"),
    "an unknown program": program("web", after=["reds"]),
    "no command": program("web", "no-such-command-here"),
    "no programs": "",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_whole_and_everything_keeps_running(shop, bad):
    before = _pids(shop)
    shop.write("hotclub.toml", bad or "\n")
    for option in ("--plan", "--json"):
        done = shop.hotclub("apply", option, code=2)
        assert "hotclub.toml" in done.stderr
        assert "the old configuration stays in force" in done.stderr
        assert "Traceback" not in done.stderr
    assert _pids(shop) == before
    assert shop.hotclub("restart", "beat").stdout.count("running") == 1


def test_even_without_its_file_a_running_site_can_be_asked_and_stopped(shop):
    before = _pids(shop)
    (shop.root / "hotclub.toml").unlink()
    os.kill(shop.daemon, signal.SIGKILL)
    assert _pids(shop) == before
    assert "cannot be read" in shop.hotclub("apply", code=2).stderr
    shop.hotclub("restart", "web")
    shop.hotclub("down", "-c", str(shop.root / "hotclub.toml"), cwd="/")
    shop.hotclub("up", code=2)


def test_a_bad_file_does_not_keep_anyone_from_looking_or_stopping(shop):
    shop.write("hotclub.toml", "[programs.web")
    assert "RUNNING" in shop.hotclub("status").stdout
    shop.hotclub("restart", "web")
    shop.hotclub("down")
    assert shop.processes() == {}


def test_hup_to_a_detached_hotclub_applies(shop, wait_until):
    before = _pids(shop)
    shop.write("hotclub.toml", SHOP + program("redis"))
    os.kill(shop.keeper, signal.SIGHUP)
    wait_until(lambda: "redis:1" in _pids(shop))
    shop.wait_state("redis", "RUNNING")
    assert before.items() <= _pids(shop).items()
    assert _facts(shop, "ConfigurationApplied")[-1]["added"] == ["redis"]


def test_hup_with_a_bad_file_keeps_everything_running_and_says_why(shop, wait_until):
    before = _pids(shop)
    shop.write("hotclub.toml", SHOP + "[programs.web]\n")
    os.kill(shop.keeper, signal.SIGHUP)
    (refused,) = wait_until(lambda: _facts(shop, "ConfigurationRefused"))
    assert "hotclub.toml:" in refused["error"]
    assert "twice" in refused["error"]
    assert _pids(shop) == before
    assert "the new configuration is not applied" in (shop.log_dir / "hotclub.log").read_text()


def test_log_settings_change_live(shop):
    pid = shop.pid("web")
    shop.write("hotclub.toml", SHOP.replace("[programs.web]", '[programs.web]\nlog_max_size = "1MB"'))
    assert "changed while it runs: log" in shop.hotclub("apply").stdout
    assert shop.pid("web") == pid


def test_a_program_that_loses_its_schedule_is_started_and_one_that_gets_one_is_stopped(site):
    made = site(files(program("was") + program("will", schedule="0 0 1 1 *")))
    made.hotclub("up", "-d")
    made.write("hotclub.toml", program("was", schedule="0 0 1 1 *") + program("will"))
    made.hotclub("apply")
    assert made.wait_state("will", "RUNNING")["schedule"] is None
    assert made.wait_state("was", "STOPPED")["next"]


def test_a_changed_schedule_counts_at_once(site, wait_until):
    script = sh("echo x >> ran")
    made = site(files(program("beat", script, schedule="0 0 1 1 *")))
    made.hotclub("up", "-d")
    made.write("hotclub.toml", program("beat", script, schedule="* * * * * *"))
    assert "changed while it runs: schedule" in made.hotclub("apply").stdout
    wait_until((made.root / "ran").exists)
    made.write("hotclub.toml", program("other"))
    made.hotclub("apply")
    assert [each["name"] for each in made.status()["processes"]] == ["other"]


def test_groups_change_without_touching_anybody(shop):
    before = _pids(shop)
    shop.write("hotclub.toml", SHOP + '[groups]\nback = ["tasks", "beat"]\n')
    assert "~ groups" in shop.hotclub("apply").stdout
    assert _pids(shop) == before
    assert shop.hotclub("stop", "back:").stdout.count("stopped") == 3


def test_removing_what_ignores_its_stop_signal_waits_until_it_is_gone(site, wait_until):
    made = site(files(program("web") + program("deaf", "sh deaf.sh", stop_timeout=0.3), "deaf.sh"))
    made.hotclub("up", "-d")
    wait_until(lambda: "deaf" in made.hotclub("logs", "deaf").stdout)
    made.write("hotclub.toml", program("web"))
    assert "✓ deaf" in made.hotclub("apply").stdout.splitlines()[-1]
    assert "deaf:1" not in (made.log_dir / "hotclub.log").read_text()
    assert [each["name"] for each in made.status()["processes"]] == ["web"]
    assert "sh deaf.sh" not in made.processes().values()


def test_what_was_not_chosen_by_only_stays_out_and_what_is_new_starts(site):
    made = site(files(program("web") + program("beat")))
    made.hotclub("up", "-d", "--only", "web")
    made.write("hotclub.toml", program("web") + program("beat", env={"A": "1"}) + program("fresh"))
    made.hotclub("apply")
    states = {each["name"]: each["state"] for each in made.status()["processes"]}
    assert states == {"web": "RUNNING", "beat": "STOPPED", "fresh": "RUNNING"}
