"""When a process ends by itself: policies, backoff, the budget, and programs without which nothing makes sense."""

import json
import os
import signal

import pytest
from tests.stories.children import answers, files, program, sh

QUICK = {"first": "20ms", "factor": 1.0, "cap": "20ms", "jitter": 0.0}


def _until_restarted(made, name, wait_until, times=1):
    return wait_until(
        lambda: next((p for p in [made.process(name)] if p["restarts"] >= times and p["state"] == "RUNNING"), None)
    )


def test_a_killed_process_is_started_again(site, wait_until):
    made = site(files(program("web", backoff={"first": 0})))
    made.hotclub("up", "-d")
    before = made.pid("web")
    os.kill(before, signal.SIGKILL)
    after = _until_restarted(made, "web", wait_until)
    assert after["pid"] != before
    assert after["status"] == -9
    assert "restarted once" in made.hotclub("status").stdout


@pytest.mark.parametrize(
    ("policy", "status", "state"),
    [
        ("always", 0, "BACKOFF"),
        ("always", 3, "BACKOFF"),
        ("on-failure", 0, "EXITED"),
        ("on-failure", 3, "BACKOFF"),
        ("never", 0, "EXITED"),
        ("never", 3, "FATAL"),
    ],
)
def test_the_restart_policy_decides_what_follows_an_end(site, policy, status, state):
    made = site(files(program("web", sh(f"exit {status}"), restart=policy, backoff={"first": 100, "cap": 100})))
    made.up(ready=False)
    process = _wait_for_end(made, state)
    assert process["status"] == status
    assert process["reason"] == f"exited with status {status}"
    assert process["pid"] is None


def _wait_for_end(made, state):
    answers(made)
    return made.wait_state("web", state)


def test_backoff_grows_with_each_failure_and_ends_with_success(site, wait_until):
    backoff = {"first": "40ms", "factor": 2.0, "cap": "160ms", "jitter": 0.0}
    made = site(files(program("web", "sh sick.sh", start_seconds=0.1, backoff=backoff), "sick.sh"))
    made.up(ready=False)

    answers(made)

    def delays():
        facts = map(json.loads, made.hotclub("facts", "--json").stdout.splitlines())
        return [fact["delay"] for fact in facts if fact["fact"] == "ProcessBackedOff"]

    wait_until(lambda: len(delays()) >= 5)
    assert delays()[:5] == [0.04, 0.08, 0.16, 0.16, 0.16]
    made.write("well", "")
    process = made.wait_state("web", "RUNNING")
    assert process["restarts"] >= 5


def test_status_says_why_a_process_is_not_up_and_that_it_will_be_tried_again(site):
    made = site(files(program("web", sh("exit 4"), backoff={"first": 100, "cap": 100})))
    made.up(ready=False)
    _wait_for_end(made, "BACKOFF")
    said = made.hotclub("status", code=4).stdout
    assert "BACKOFF" in said
    assert "exited with status 4" in said
    made.hotclub("stop", "web")
    assert made.process("web")["state"] == "STOPPED"


def test_a_program_over_its_budget_is_given_up(site):
    backoff = {**QUICK, "max_restarts": 3, "window": "1m"}
    made = site(files(program("web", sh("exit 5"), start_seconds=1, backoff=backoff)))
    made.up(ready=False)
    process = _wait_for_end(made, "FATAL")
    assert process["restarts"] == 3
    assert process["reason"] == "exited with status 5; no more than 3 restarts in 60 s"
    assert process["wanted"]


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 42", 42), ("kill -KILL $$", 137), ("kill -TERM $$", 143)]
)
def test_the_end_of_an_essential_program_ends_everything_with_its_exit_code(site, script, code):
    made = site(files(program("redis") + program("main", sh(f"sleep 0.1; {script}"), essential=True)))
    up = made.up(ready=False)
    assert up.wait() == code
    assert "main, which is essential, has ended" in up.output
    assert made.processes() == {}


def test_stopping_an_essential_program_on_request_does_not_end_everything(site):
    made = site(files(program("redis") + program("main", essential=True)))
    up = made.up()
    made.hotclub("stop", "main")
    assert made.process("redis")["state"] == "RUNNING"
    made.hotclub("start", "main")
    assert up.stop() == 0


def test_an_essential_program_that_is_restarted_ends_everything_only_when_given_up(site):
    backoff = {**QUICK, "max_restarts": 2, "window": "1m"}
    made = site(files(program("main", sh("exit 6"), essential=True, restart="on-failure", backoff=backoff)))
    assert made.up(ready=False).wait() == 6


def test_an_essential_task_ends_everything_when_it_is_done(site):
    made = site(files(program("redis") + program("job", sh("exit 0"), kind="task", essential=True, after=["redis"])))
    assert made.up(ready=False).wait() == 0


def test_a_task_that_fails_can_be_retried(site):
    toml = program("migrate", "sh sick.sh", kind="task", restart="on-failure", backoff=QUICK)
    made = site(files(toml.replace("sick.sh", "once.sh"), **{"once.sh": "test -e well || exit 3\n"}))
    made.up(ready=False)
    answers(made)
    made.write("well", "")
    assert made.wait_state("migrate", "EXITED")["status"] == 0


def test_what_a_process_left_running_does_not_disturb_the_next_one(site, wait_until):
    script = "sleep 1007 & echo born; exec sleep 1000"
    made = site(files(program("web", sh(script), backoff={"first": 0})))
    made.hotclub("up", "-d")
    wait_until(lambda: "sleep 1007" in made.processes().values())
    os.kill(made.pid("web"), signal.SIGKILL)
    _until_restarted(made, "web", wait_until)
    wait_until(lambda: made.hotclub("logs", "web").stdout.count("born") == 2)
    assert list(made.processes().values()).count("sleep 1007") == 1


def test_a_start_resets_what_was_given_up(site):
    backoff = {**QUICK, "max_restarts": 1, "window": "1h"}
    made = site(files(program("web", "sh sick.sh", start_seconds=0.2, backoff=backoff), "sick.sh"))
    made.hotclub("up", "-d", code=1)
    made.wait_state("web", "FATAL")
    made.write("well", "")
    made.hotclub("start", "web")
    assert made.process("web")["state"] == "RUNNING"
