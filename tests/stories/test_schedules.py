"""Programs that run at their time."""

import time

from tests.stories.children import files, program, read, sh

EVERY_SECOND = "* * * * * *"


def test_a_schedule_runs_its_program_at_its_times_and_not_at_up(site, wait_until):
    made = site(files(program("beat", sh("date +%s.%N >> ran"), schedule=EVERY_SECOND)))
    made.hotclub("up", "-d")
    wait_until(lambda: len(read(made.root / "ran").split()) >= 2)
    first, second = map(float, read(made.root / "ran").split()[:2])
    assert first % 1 < 0.9
    assert int(second) == int(first) + 1
    beat = made.process("beat")
    assert beat["schedule"] == EVERY_SECOND
    assert time.time() - 1 < beat["next"] <= time.time() + 1.1
    assert made.hotclub("status", code=0)


def test_a_scheduled_program_waits_for_its_time(site):
    made = site(files(program("nightly", sh("echo x >> ran"), schedule="15 3 * * *")))
    made.hotclub("up", "-d")
    nightly = made.process("nightly")
    assert (nightly["state"], nightly["reason"], nightly["wanted"]) == ("STOPPED", "waits for its schedule", False)
    assert time.localtime(nightly["next"])[3:5] == (3, 15)
    assert "next run" in made.hotclub("status").stdout
    assert read(made.root / "ran") == ""
    made.hotclub("start", "nightly")  # by hand, now
    assert read(made.root / "ran") == "x\n"


def test_a_run_is_skipped_while_the_last_one_still_goes(site, wait_until):
    made = site(files(program("slow", sh("echo x >> ran; exec sleep 1000"), schedule=EVERY_SECOND)))
    made.hotclub("up", "-d")
    wait_until(lambda: "ScheduleSkipped" in made.hotclub("facts").stdout)
    assert read(made.root / "ran") == "x\n"
    assert made.process("slow")["state"] == "RUNNING"


def test_a_run_that_fails_shows_and_the_next_one_comes_all_the_same(site, wait_until):
    made = site(files(program("bad", sh("echo x >> ran; exit 3"), schedule=EVERY_SECOND)))
    made.hotclub("up", "-d")
    wait_until(lambda: read(made.root / "ran").count("x") >= 2)
    made.wait_state("bad", "FATAL")
    assert "exited with status 3" in made.hotclub("status", code=4).stdout


def test_stopping_a_run_does_not_end_the_schedule(site, wait_until):
    made = site(files(program("slow", sh("echo x >> ran; exec sleep 1000"), schedule=EVERY_SECOND)))
    made.hotclub("up", "-d")
    wait_until(lambda: read(made.root / "ran") == "x\n")
    made.hotclub("stop", "slow")
    wait_until(lambda: read(made.root / "ran").count("x") >= 2)
