"""Several who want something at once, and commands that cross each other."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.stories.children import answers, files, program, read, sh

COMMAND = str(Path(sys.executable).with_name("hotclub"))


def _together(made, *commands):
    """Exit codes and outputs of commands begun at the same time."""
    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(lambda words: made.hotclub(*words, code=None), commands))


def test_of_two_who_start_a_site_one_wins(site):
    made = site(files(program("web")))
    done = _together(made, *[["up", "-d"]] * 3)
    assert sorted(each.returncode for each in done) == [0, 5, 5], [each.stderr for each in done]
    assert list(made.processes().values()).count("sleep 1000") == 1


def test_two_who_stop_a_site_both_succeed(site):
    made = site(files(program("web", "sh slow.sh 0.3"), "slow.sh"))
    made.hotclub("up", "-d")
    done = _together(made, ["down"], ["down"])
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    assert made.processes() == {}


def test_many_restarts_at_once_end_in_one_process(site):
    made = site(files(program("web") + program("beat")))
    made.hotclub("up", "-d")
    beat = made.pid("beat")
    done = _together(made, *[["restart", "web"]] * 5)
    assert {each.returncode for each in done} == {0}
    assert made.process("web")["state"] == "RUNNING"
    assert made.pid("beat") == beat
    assert list(made.processes().values()).count("sleep 1000") == 2


@pytest.fixture
def begin():
    """Begins a command of the site and leaves it running."""
    begun = []

    def run(made, *words):
        process = subprocess.Popen([COMMAND, *words], cwd=made.root, env=made.env, stdout=subprocess.PIPE, text=True)
        begun.append(process)
        return process

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def test_a_stop_overtakes_a_start_that_still_waits(site, begin):
    made = site(files(program("app", ready={"exec": "test -e never"})))
    made.up(ready=False)
    answers(made)
    made.hotclub("stop", "app")
    starting = begin(made, "start", "app")
    made.wait_state("app", "STARTING")
    made.hotclub("stop", "app")
    assert "app stopped: stopped meanwhile" in starting.communicate(timeout=10)[0]
    assert starting.returncode == 1


def test_a_start_overtakes_a_stop_that_still_goes_on(site, begin, wait_until):
    made = site(files(program("web", "sh slow.sh 0.5"), "slow.sh"))
    made.hotclub("up", "-d")
    wait_until(lambda: read(made.log_dir / "web.log") == "up\n")
    pid = made.pid("web")
    stopping = begin(made, "stop", "web")
    made.wait_state("web", "STOPPING")
    made.hotclub("start", "web")
    assert "started meanwhile" in stopping.communicate(timeout=10)[0]
    assert stopping.returncode == 1
    process = made.process("web")
    assert process["state"] == "RUNNING"
    assert process["pid"] != pid


def test_a_start_whose_dependency_is_stopped_says_so(site):
    made = site(files(program("redis") + program("web", after=["redis"])))
    made.hotclub("up", "-d")
    made.hotclub("stop", "web", "redis")
    done = made.hotclub("start", "web", code=1)
    assert "waits for redis, which is stopped" in done.stdout
    assert made.hotclub("start", "redis", "web").stdout.count("running") == 2


def test_an_interrupted_up_detached_leaves_the_site_running(site, begin, wait_until):
    made = site(files(program("slow", start_seconds=60)))
    up = begin(made, "up", "-d")
    wait_until(lambda: made.hotclub("status", code=None).returncode == 4)
    up.send_signal(signal.SIGINT)
    assert up.wait(10) == 130
    assert made.process("slow")["state"] == "STARTING"


def test_down_while_everything_is_still_starting(site):
    toml = program("slow", start_seconds=60) + program("late", after=["slow"]) + program("bad", sh("exit 3"))
    made = site(files(toml))
    up = made.up(ready=False)
    answers(made)
    made.hotclub("down")
    assert up.wait() == 0
    assert made.processes() == {}


def test_a_start_is_refused_while_the_site_is_being_stopped(site, begin, wait_until):
    made = site(files(program("web", "sh slow.sh 1") + program("beat"), "slow.sh"))
    made.hotclub("up", "-d")
    wait_until(lambda: read(made.log_dir / "web.log") == "up\n")
    down = begin(made, "down")
    made.wait_state("beat", "STOPPED")
    assert "hotclub is stopping" in made.hotclub("start", "beat", code=1).stderr
    assert "hotclub is stopping" in made.hotclub("apply", code=1).stderr
    assert down.wait(10) == 0


@pytest.mark.timeout(120)
def test_two_hundred_programs_start_show_and_stop(site):
    made = site(files("".join(program(f"p{n}") for n in range(100)) + program("many", copies=100)))
    made.hotclub("up", "-d")
    assert made.hotclub("status").stdout.count("RUNNING") == 200
    assert len(made.hotclub("ps").stdout.splitlines()) == 204
    made.hotclub("restart", "many")
    made.hotclub("down")
    assert made.processes() == {}
