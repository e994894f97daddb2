"""What a program's table promises: where, as what and with what its processes run, and how they are stopped."""

import os
import signal
import time

import pytest
from tests.stories.children import answers, files, program, read, sh, toml


def _environment(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        pairs = file.read().decode().rstrip("\0").split("\0")
    return dict(pair.partition("=")[::2] for pair in pairs)


def _up(site, toml, *names, **more):
    made = site(files(toml, *names, **more))
    made.hotclub("up", "-d")
    return made


def test_copies_are_processes_with_names_and_logs_of_their_own(site, wait_until):
    made = _up(site, program("tasks", sh("echo $HOTCLUB_PROCESS; exec sleep 1000"), copies=3))
    assert len({made.pid(f"tasks:{n}") for n in (1, 2, 3)}) == 3
    for n, name in enumerate(("tasks.log", "tasks-2.log", "tasks-3.log"), 1):
        wait_until(lambda name=name, n=n: read(made.log_dir / name) == f"tasks:{n}\n")


def test_a_program_runs_in_the_configurations_folder_or_its_cwd(site):
    made = _up(site, program("web") + program("app", cwd="app"), **{"app/keep": ""})
    assert os.readlink(f"/proc/{made.pid('web')}/cwd") == str(made.root)
    assert os.readlink(f"/proc/{made.pid('app')}/cwd") == str(made.root / "app")


def test_umask(site, wait_until):
    made = _up(site, program("web", sh("umask; exec sleep 1000"), umask="027"))
    wait_until(lambda: read(made.log_dir / "web.log").strip().endswith("027"))


def test_every_process_leads_a_session_of_its_own_and_carries_the_house(site):
    made = _up(site, program("web", copies=2))
    for name in ("web:1", "web:2"):
        pid = made.pid(name)
        assert os.getsid(pid) == pid
        environment = _environment(pid)
        assert environment["HOTCLUB_HOUSE"] == made.status()["house"]
        assert environment["HOTCLUB_TOKEN"].startswith(f"{name}#")
        assert environment["HOTCLUB_PROCESS"] == name
        assert "HOTCLUB_LINK" not in environment


def test_a_process_has_only_its_three_descriptors(site):
    made = _up(site, program("web"))
    assert sorted(os.listdir(f"/proc/{made.pid('web')}/fd")) == ["0", "1", "2"]
    assert os.readlink(f"/proc/{made.pid('web')}/fd/0") == "/dev/null"


def test_a_process_has_no_signal_blocked_or_ignored(site):
    made = _up(site, program("web"))
    status = dict(
        line.split(":\t", 1) for line in read(type(made.root)(f"/proc/{made.pid('web')}/status")).splitlines()
    )
    assert int(status["SigBlk"], 16) == 0
    ignored = int(status["SigIgn"], 16)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
        assert not ignored >> (number - 1) & 1


def test_env_wins_over_env_files_and_later_files_win_over_earlier_ones(site):
    more = {"one.env": "A=one\nB=one\nC=one\n", "two.env": 'export B="two words"\nC=two  # why not\n'}
    made = _up(site, program("web", env={"C": "three"}, env_file=["one.env", "two.env"]), **more)
    environment = _environment(made.pid("web"))
    assert [environment[name] for name in "ABC"] == ["one", "two words", "three"]
    assert environment["PYTHONUNBUFFERED"] == "1"


def test_a_program_can_have_its_own_pythonunbuffered(site):
    made = site(files(program("web", env={"PYTHONUNBUFFERED": ""})))
    made.hotclub("up", "-d")
    assert _environment(made.pid("web"))["PYTHONUNBUFFERED"] == ""


def test_an_env_file_is_read_again_at_each_start(site):
    made = _up(site, program("web", env_file=".settings"), **{".settings": "COLOUR=red\n"})
    made.write(".settings", "COLOUR=blue\n")
    made.hotclub("restart", "web")
    assert _environment(made.pid("web"))["COLOUR"] == "blue"


def test_an_env_file_that_breaks_later_fails_the_start_with_its_line(site, wait_until):
    made = _up(
        site, program("web", env_file=".settings", backoff={"first": 0.05, "cap": 0.05}), **{".settings": "A=1\n"}
    )
    made.write(".settings", "A=1\nthis is nothing\n")
    done = made.hotclub("restart", "web", code=1)
    assert ".settings:2" in done.stdout
    assert "is not KEY=VALUE" in done.stdout
    made.write(".settings", "A=2\n")
    made.wait_state("web", "RUNNING")


def test_a_dotenv_file_is_not_read_unless_it_is_named(site):
    made = _up(site, program("web"), **{".env": "SECRET=1\n"})
    assert "SECRET" not in _environment(made.pid("web"))


def test_stop_signal_is_what_the_process_gets(site, wait_until):
    made = _up(site, program("web", "python3 signals.py", stop_signal="QUIT"), "signals.py")
    wait_until(lambda: "listening" in read(made.log_dir / "web.log"))
    made.hotclub("stop", "web")
    assert "got SIGQUIT" in read(made.log_dir / "web.log")
    assert made.process("web")["status"] == 0


def test_what_ignores_its_stop_signal_is_killed_after_stop_timeout(site, wait_until):
    made = _up(site, program("deaf", "sh deaf.sh", stop_timeout="300ms"), "deaf.sh")
    wait_until(lambda: "deaf" in read(made.log_dir / "deaf.log"))
    began = time.monotonic()
    made.hotclub("stop", "deaf")
    assert 0.3 <= time.monotonic() - began < 3
    assert made.process("deaf")["status"] == -9
    assert "did not end in time: KILL" in read(made.log_dir / "hotclub.log")


def test_stop_group_reaches_the_children_too(site, wait_until):
    made = _up(site, program("web", "sh family.sh", stop_group=True), "family.sh")
    wait_until(lambda: read(made.log_dir / "web.log") == "up\n")
    made.hotclub("stop", "web")
    assert "child\n" in read(made.log_dir / "web.log")
    assert made.process("web")["status"] == 0


def test_start_seconds_is_how_long_a_program_must_run_to_be_ready(site):
    made = site(files(program("web", start_seconds="600ms")))
    began = time.monotonic()
    made.hotclub("up", "-d")
    assert time.monotonic() - began >= 0.6
    assert made.process("web")["uptime"] >= 0.6


def test_a_program_is_starting_until_then(site):
    made = site(files(program("web", start_seconds=100)))
    made.up(ready=False)
    answers(made)
    process = made.wait_state("web", "STARTING")
    assert process["pid"]
    assert made.hotclub("status", code=4)


@pytest.mark.parametrize("command", ["python3 -c 'print(1 +'", "python3 nothing.py"])
def test_a_command_that_cannot_do_its_work_is_retried_with_its_status_shown(site, command):
    made = site(files(program("bad", command, start_seconds=1, backoff={"first": 0.05, "cap": 0.05})))
    done = made.hotclub("up", "-d", code=1)
    assert "exited with status" in done.stdout
    assert "File" in made.hotclub("logs", "bad").stdout or "can't open file" in made.hotclub("logs", "bad").stdout


def test_a_command_that_disappears_is_a_failed_start_until_it_is_back(site, wait_until):
    made = site(
        files(program("web", "./serve", backoff={"first": 0.05, "cap": 0.05}), serve="#!/bin/sh\nexec sleep 1000\n")
    )
    made.hotclub("up", "-d")
    (made.root / "serve").unlink()
    done = made.hotclub("restart", "web", code=1)
    assert "serve" in done.stdout
    assert "No such file" in done.stdout
    made.write("serve", "#!/bin/sh\nexec sleep 1000\n")
    made.wait_state("web", "RUNNING")
    assert made.process("web")["reason"] == ""


def test_a_stop_timeout_of_nothing_kills_at_once(site, wait_until):
    made = _up(site, program("deaf", "sh deaf.sh", stop_timeout=0), "deaf.sh")
    wait_until(lambda: "deaf" in read(made.log_dir / "deaf.log"))
    made.hotclub("stop", "deaf", timeout=5)
    assert made.process("deaf")["status"] == -9


def test_a_stopped_process_is_stopped_for_good(site):
    made = _up(site, program("web", stop_timeout=0.3))
    os.kill(made.pid("web"), signal.SIGSTOP)
    made.hotclub("stop", "web", timeout=10)
    assert made.process("web")["pid"] is None


def test_the_words_of_a_command_are_kept_as_they_are_written(site, wait_until):
    words = [
        "python3",
        "-c",
        "import sys, time; print(sys.argv[1:]); time.sleep(1000)",
        "a b",
        "",
        "$HOME",
        "*",
        "é'\"",
    ]
    made = _up(site, f"[programs.web]\ncommand = {toml(words)}\nstart_seconds = 0\n")
    wait_until(lambda: read(made.log_dir / "web.log") == f"{words[3:]}\n")
